//! Memory and swap space.

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Memory in bytes, without what the kernel's image takes.
    pub total_bytes: u64,
    /// Swap space in bytes, all areas together.
    pub swap_bytes: u64,
}

/// Reads `/proc/meminfo`.
pub fn parse(text: &str) -> Memory {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    };
    Memory { total_bytes: bytes("MemTotal"), swap_bytes: bytes("SwapTotal") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_swap_are_read() {
        let text = "MemTotal:        2048 kB\nMemFree: 1 kB\nSwapCached: 3 kB\nSwapTotal:       1024 kB\n";
        assert_eq!(parse(text), Memory { total_bytes: 2 * 1024 * 1024, swap_bytes: 1024 * 1024 });
        assert_eq!(parse(""), Memory::default());
    }
}
