//! Mandatory access control.

use super::root::Root;

/// SELinux's mode, as `getenforce` says it, in lower case.
pub fn selinux(root: &Root) -> String {
    mode(&root.line("sys/fs/selinux/enforce")).to_owned()
}

/// The kernel writes 1 or 0, and has no such file if it is without SELinux.
fn mode(enforce: &str) -> &'static str {
    match enforce {
        "1" => "enforcing",
        "0" => "permissive",
        _ => "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_the_kernels() {
        assert_eq!([mode("1"), mode("0"), mode("")], ["enforcing", "permissive", "disabled"]);
    }
}
