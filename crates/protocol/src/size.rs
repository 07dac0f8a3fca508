//! Sizes as people read them: the agent and the command say them alike.

/// A number of bytes, in bytes, KiB or MiB with one digit behind the point, cut off rather than rounded.
pub fn shown_size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    if bytes < KIB {
        format!("{bytes} bytes")
    } else if bytes < KIB * KIB {
        format!("{} KiB", tenths(KIB))
    } else {
        format!("{} MiB", tenths(KIB * KIB))
    }
}

#[cfg(test)]
mod tests {
    use super::shown_size;

    #[test]
    fn units_change_at_their_bounds() {
        let shown = [0, 1023, 1024, 1535, 1024 * 1024 - 1, 1024 * 1024 * 5 / 2].map(shown_size);
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.0 KiB", "1.4 KiB", "1023.9 KiB", "2.5 MiB"]);
    }
}
