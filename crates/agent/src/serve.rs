//! The conversation with the controller.

use std::{
    env,
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use engine_protocol::{
    Collection, FromAgent, Mode, ResourceId, ToAgent, frame,
    message::{End, SILENCE_SECONDS},
};

use crate::overlay::Overlay;
use crate::{
    converge::{Converge, Event},
    facts::Sources,
    generations,
    lock::{Lock, LockError, try_lock},
    node::{Node, Settings},
    reporter::{Answers, Frames, Reporter},
    revert::{self, Pending, watch},
    system::reboot,
};

/// Time since the agent began.
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// What the reading thread knows before the message's turn comes.
struct Signals {
    /// The connection is gone.
    gone: AtomicBool,
    /// The last event, counted from 1, that the controller stopped.
    stopped: AtomicU64,
    /// When the controller was last heard, in seconds since the agent began.
    heard: AtomicU64,
    clock: Clock,
}

impl Signals {
    fn new(clock: Clock) -> Self {
        let heard = AtomicU64::new(clock().as_secs());
        Self { gone: AtomicBool::new(false), stopped: AtomicU64::new(0), heard, clock }
    }

    fn hear(&self) {
        self.heard.store((self.clock)().as_secs(), Ordering::Release);
    }

    /// Whether the controller has said nothing for so long that it must be gone.
    fn silent(&self) -> bool {
        let heard = self.heard.load(Ordering::Acquire);
        (self.clock)().as_secs().saturating_sub(heard) > SILENCE_SECONDS
    }
}

/// Serves one controller until the input ends; says whether it went well.
pub fn serve(
    settings: Settings,
    input: impl Read + Send + 'static,
    output: impl Write,
) -> Result<(), String> {
    let mut frames = Frames::new(output);
    let facts = Sources::of(&settings.state_dir).collect();
    frames.send(&FromAgent::Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts: Box::new(facts.clone()),
    });
    frames.flush();
    let began = Instant::now();
    let signals = Arc::new(Signals::new(Box::new(move || began.elapsed())));
    let (messages, answers) = listen(input, Arc::clone(&signals));
    frames.hear(answers);
    let mut node = Node::new(settings, facts);
    node.program = env::current_exe().ok();
    reboot::recall(&mut node);
    let mut session = Session {
        node,
        frames,
        signals,
        event: None,
        overlay: Overlay::default(),
        lock: None,
        keeps_lock: false,
        number: 0,
    };
    loop {
        let message = match messages.recv_timeout(Duration::from_secs(1)) {
            Ok(message) => message,
            // Between batches the node's lock is held: not for a controller that is gone.
            Err(mpsc::RecvTimeoutError::Timeout) if session.lock.is_some() && session.signals.silent() => {
                break;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        };
        let handled = message.and_then(|message| session.handle(message));
        session.frames.flush();
        if let Err(error) = handled {
            session.frames.send(&FromAgent::Fatal { error: error.clone() });
            session.frames.flush();
            return Err(error);
        }
        if session.signals.gone.load(Ordering::Acquire) || session.frames.failure().is_some() {
            break;
        }
    }
    Ok(())
}

/// Reads messages in a thread of its own, so that a stop and the end of the connection are seen
/// while a resource is being applied.
fn listen(
    input: impl Read + Send + 'static,
    signals: Arc<Signals>,
) -> (mpsc::Receiver<Result<ToAgent, String>>, Answers) {
    let (sender, receiver) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let mut input = Heard { input, signals: Arc::clone(&signals) };
    thread::spawn(move || {
        let mut events = 0;
        loop {
            let message = match read(&mut input) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    break;
                }
            };
            match &message {
                ToAgent::Begin { .. } => events += 1,
                ToAgent::Stop => signals.stopped.store(events, Ordering::Release),
                _ => {}
            }
            // Who asked waits in the middle of a resource.
            if let ToAgent::Content(content) = message {
                let _ = answer.send(content);
                continue;
            }
            if sender.send(Ok(message)).is_err() {
                break;
            }
        }
        signals.gone.store(true, Ordering::Release);
    });
    (receiver, answers)
}

/// Input of which every part counts: a big message may take minutes to arrive.
struct Heard<R> {
    input: R,
    signals: Arc<Signals>,
}

impl<R: Read> Read for Heard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.signals.hear();
        Ok(count)
    }
}

fn read(input: &mut impl Read) -> Result<Option<ToAgent>, String> {
    let mut header = [0; frame::HEADER_BYTES];
    // Nothing can be said any more over a connection that broke, wherever it did.
    if input.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let length = frame::length(header).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    match input.take(length as u64).read_to_end(&mut body) {
        Ok(count) if count == length => frame::decode(&body).map(Some).map_err(|error| error.to_string()),
        _ => Ok(None),
    }
}

struct Session<W> {
    node: Node,
    frames: Frames<W>,
    signals: Arc<Signals>,
    event: Option<Event>,
    /// What the events before predicted, between events.
    overlay: Overlay,
    lock: Option<Lock>,
    /// Whether the lock is kept beyond the event.
    keeps_lock: bool,
    /// The event's number, counted from 1.
    number: u64,
}

impl<W: Write> Session<W> {
    fn handle(&mut self, message: ToAgent) -> Result<(), String> {
        #[allow(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone is not general enough"
        )]
        match message {
            ToAgent::Begin { run, event, mode, place } => {
                self.number += 1;
                self.unlock();
                self.node.forget();
                let before =
                    self.event.take().map_or_else(|| std::mem::take(&mut self.overlay), Event::into_overlay);
                // What is predicted is no truth to apply by.
                let overlay = if mode == Mode::Plan { before } else { Overlay::default() };
                let event = Event::new(&self.node.settings.state_dir, &run, &event, mode, overlay);
                self.event = Some(event.at(place));
            }
            ToAgent::Configure { stack, generation } => {
                generations::advance(&self.node.settings.state_dir, &stack, generation)
                    .map_err(|error| error.to_string())?;
            }
            ToAgent::Apply(collection) => self.apply(collection)?,
            ToAgent::Finish => {
                let end = self.converge(|converge| converge.finish())?;
                let waits = self.converge(|converge| converge.begin_to_wait())?;
                waits.map_err(|error| error.to_string())?;
                self.unlock();
                let hidden = self.event.as_mut().map(Event::take_hidden).unwrap_or_default();
                let reboot = reboot::due(&self.node);
                self.overlay = self.event.take().map(Event::into_overlay).unwrap_or_default();
                self.frames.send(&FromAgent::Finished { end, reboot, hidden });
            }
            ToAgent::Lock => {
                let held = match self.take_lock(ResourceId(0)) {
                    Ok(()) => true,
                    Err(LockError::Stopped { .. }) => false,
                    Err(error) => return Err(error.to_string()),
                };
                self.keeps_lock = held;
                self.frames.send(&FromAgent::Locked { held });
            }
            ToAgent::Release => (self.keeps_lock, self.lock) = (false, None),
            ToAgent::Reboot => {
                reboot::due(&self.node).ok_or("a reboot came that nothing asked for")?;
                self.frames.send(&FromAgent::Rebooting);
                self.frames.flush();
                reboot::carry_out(&mut self.node).map_err(|error| error.to_string())?;
            }
            ToAgent::Confirm { id } => {
                let stays = revert::confirm(&self.node.settings.state_dir, &id);
                let stays = stays.map_err(|error| error.to_string())?;
                self.frames.send(&FromAgent::Confirmed { stays });
            }
            // The reading thread has seen them already.
            ToAgent::Stop | ToAgent::Ping | ToAgent::Content(_) => {}
        }
        Ok(())
    }

    fn unlock(&mut self) {
        if !self.keeps_lock {
            self.lock = None;
        }
    }

    fn apply(&mut self, collection: Collection) -> Result<(), String> {
        let remaining = u32::try_from(collection.resources.len()).unwrap_or(u32::MAX);
        let first = collection.resources.first().map_or(ResourceId(0), |resource| resource.id);
        let applying = self.event.as_ref().is_some_and(|event| event.mode() == Mode::Apply);
        let locked = if applying && self.lock.is_none() { self.take_lock(first) } else { Ok(()) };
        let end = match locked {
            Ok(()) => self.converge(|converge| converge.apply(collection))?,
            Err(LockError::Stopped { .. }) => End::Stopped { remaining },
            Err(error) => return Err(error.to_string()),
        };
        if self.event.as_mut().is_some_and(Event::take_changed) {
            self.node.facts = Sources::of(&self.node.settings.state_dir).collect();
        }
        self.frames.send(&FromAgent::Applied { end, facts: Box::new(self.node.facts.clone()) });
        Ok(())
    }

    fn converge<T>(&mut self, work: impl FnOnce(&mut Converge<'_>) -> T) -> Result<T, String> {
        let (signals, number) = (Arc::clone(&self.signals), self.number);
        let event = self.event.as_mut().ok_or("a batch or a finish came without a begin before it")?;
        let (node, reporter) = (&mut self.node, &mut self.frames);
        Ok(work(&mut Converge { event, node, reporter, stopping: &|| stopping(&signals, number) }))
    }

    fn take_lock(&mut self, resource: ResourceId) -> Result<(), LockError> {
        let limit = self.node.settings.lock_wait;
        let mut deadline = Instant::now() + limit;
        let mut told = false;
        loop {
            let holder = match try_lock(&self.node.settings.state_dir)? {
                Ok(lock) if watch::put_back_if_due(&self.node.settings, &lock) => {
                    self.lock = Some(lock);
                    return Ok(());
                }
                Ok(_) => {
                    let pending = Pending::read(&self.node.settings.state_dir);
                    let left = pending.as_ref().map_or(0, Pending::seconds_left);
                    // It is confirmed or put back by then.
                    deadline = deadline.max(Instant::now() + Duration::from_secs(left));
                    let run = pending.map(|pending| pending.run).unwrap_or_default();
                    format!("the unconfirmed change of run `{run}`, put back within {left} s")
                }
                Err(holder) => holder,
            };
            let seconds = limit.as_secs();
            if stopping(&self.signals, self.number) {
                return Err(LockError::Stopped { holder });
            }
            if Instant::now() >= deadline {
                return Err(LockError::Held { holder, seconds });
            }
            if !told {
                let most = deadline.saturating_duration_since(Instant::now()).as_secs().max(seconds);
                let message = format!("{holder}, which is changing this node, for at most {most} s");
                self.frames.send(&FromAgent::Waiting { resource, message });
                self.frames.flush();
                told = true;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn stopping(signals: &Signals, number: u64) -> bool {
    if signals.silent() {
        signals.gone.store(true, Ordering::Release);
    }
    signals.gone.load(Ordering::Acquire) || signals.stopped.load(Ordering::Acquire) >= number.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte every 15 seconds of its own clock, then nothing until it is told to end.
    struct Slow {
        bytes: std::vec::IntoIter<u8>,
        now: Arc<AtomicU64>,
        signals: Arc<Signals>,
        silent: mpsc::Sender<bool>,
        end: mpsc::Receiver<()>,
    }

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(byte) = self.bytes.next() else {
                let _ = self.end.recv();
                return Ok(0);
            };
            self.now.fetch_add(15, Ordering::SeqCst);
            let _ = self.silent.send(self.signals.silent());
            buffer[0] = byte;
            Ok(1)
        }
    }

    #[test]
    fn a_message_that_arrives_slowly_is_no_silence() {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let signals =
            Arc::new(Signals::new(Box::new(move || Duration::from_secs(clock.load(Ordering::SeqCst)))));
        let begin =
            ToAgent::Begin { run: "run".into(), event: "setup".into(), mode: Mode::Apply, place: None };
        let bytes = frame::encode(&begin).unwrap();
        let ((silent, heard), (end, ended)) = (mpsc::channel(), mpsc::channel());
        let input = Slow {
            bytes: bytes.clone().into_iter(),
            now: Arc::clone(&now),
            signals: Arc::clone(&signals),
            silent,
            end: ended,
        };
        let (messages, _) = listen(input, Arc::clone(&signals));
        assert_eq!(messages.recv().unwrap().unwrap(), begin);
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), vec![false; bytes.len()]);
        assert!(!stopping(&signals, 1));
        now.fetch_add(SILENCE_SECONDS + 1, Ordering::SeqCst);
        assert!(stopping(&signals, 1));
        drop(end);
    }
}
