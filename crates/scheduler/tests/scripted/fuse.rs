//! Controllers that are killed.

use std::sync::Mutex;

use tokio::sync::Notify;

/// Burns down while a controller deals with the world; then nothing answers it any more.
#[derive(Default)]
pub struct Fuse {
    left: Mutex<Option<usize>>,
    out: Notify,
}

impl Fuse {
    /// Lets it go out after so many dealings; never, if there is no number.
    pub fn set(&self, dealings: Option<usize>) {
        *self.left.lock().unwrap() = dealings;
    }

    /// How many dealings are left.
    pub fn left(&self) -> Option<usize> {
        *self.left.lock().unwrap()
    }

    /// One dealing. Returns if the controller lives.
    pub async fn burn(&self) {
        let is_out = match &mut *self.left.lock().unwrap() {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        };
        if is_out {
            self.out.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it has gone out.
    pub async fn is_out(&self) {
        self.out.notified().await;
    }
}
