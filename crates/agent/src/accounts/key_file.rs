//! Editing `authorized_keys`: the lines of keys that are asked for change, all others stay byte by byte.

use engine_protocol::resource::SshKey;

/// The file with these keys. A key that is there under other options or with another comment gets the new ones where it
/// is; a second line with it is taken out, since it could allow what the first does not. What is new comes at the end.
/// If `exclusive`, nothing stays besides comments.
pub fn with(text: &[u8], keys: &[String], exclusive: bool) -> Vec<u8> {
    let mut wanted: Vec<(Option<SshKey<'_>>, &str, bool)> =
        keys.iter().map(|line| (SshKey::of_line(line), line.trim(), false)).collect();
    let mut edited = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let shown = String::from_utf8_lossy(line);
        let key = SshKey::of_line(&shown);
        match wanted.iter_mut().find(|(wanted, ..)| key.is_some() && *wanted == key) {
            Some((_, _, placed)) if *placed => {}
            Some((_, wanted, placed)) => {
                *placed = true;
                if shown.trim() == *wanted {
                    edited.extend_from_slice(line);
                } else {
                    edited.extend_from_slice(wanted.as_bytes());
                    edited.push(b'\n');
                }
            }
            None if exclusive && !is_comment(&shown) => {}
            None => edited.extend_from_slice(line),
        }
    }
    for (_, line, _) in wanted.iter().filter(|(_, _, placed)| !placed) {
        if edited.last().is_some_and(|last| *last != b'\n') {
            edited.push(b'\n');
        }
        edited.extend_from_slice(line.as_bytes());
        edited.push(b'\n');
    }
    edited
}

/// The file without these keys, whatever their options and comments.
pub fn without(text: &[u8], keys: &[String]) -> Vec<u8> {
    let unwanted: Vec<_> = keys.iter().filter_map(|line| SshKey::of_line(line)).collect();
    let stays = |line: &&[u8]| {
        let shown = String::from_utf8_lossy(line);
        !SshKey::of_line(&shown).is_some_and(|key| unwanted.contains(&key))
    };
    text.split_inclusive(|byte| *byte == b'\n').filter(stays).collect::<Vec<_>>().concat()
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJRm2x4kVJp4tHqMlwsfFI9XoWDiGtf5MsxLUP/hkgFr";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPHrQrvsMFfzfCOaqJc3THkzjRYcZ4tCnRvsjp0kCaDC";

    fn shown(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn keys_are_added_updated_and_taken_out_and_the_rest_stays() {
        let old = format!("# ours\r\n\n{A} alice@old\ngarbageé\n{B}");
        let keys = [format!("no-pty {A} alice")];
        assert_eq!(
            shown(&with(old.as_bytes(), &keys, false)),
            format!("# ours\r\n\nno-pty {A} alice\ngarbageé\n{B}")
        );
        assert_eq!(shown(&with(old.as_bytes(), &keys, true)), format!("# ours\r\n\nno-pty {A} alice\n"));
        let new = [format!("{B} bob"), "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 new".to_owned()];
        assert_eq!(shown(&with(A.as_bytes(), &new[..1], false)), format!("{A}\n{B} bob\n"));
        assert_eq!(shown(&without(old.as_bytes(), &keys)), format!("# ours\r\n\ngarbageé\n{B}"));
    }

    #[test]
    fn a_second_line_with_the_key_cannot_allow_more() {
        let old = format!("{A}\nfrom=\"10.0.0.1\" {A}\n");
        let keys = [format!("from=\"10.0.0.1\" {A}")];
        assert_eq!(shown(&with(old.as_bytes(), &keys, false)), format!("{}\n", keys[0]));
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..40),
            ("(no-pty |from=\"a b\" |#|  )?", prop_oneof![Just(A), Just(B)], "( [a-z@# ]{0,8})?")
                .prop_map(|(before, key, after)| format!("{before}{key}{after}").into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn editing_twice_is_editing_once_and_foreign_lines_stay(
            lines in prop::collection::vec(line(), 0..8),
            ended in any::<bool>(),
            exclusive in any::<bool>(),
            comment in "[a-z]{1,5}",
        ) {
            let mut text = lines.join(&b'\n');
            if ended {
                text.push(b'\n');
            }
            let keys = [format!("{A} {comment}")];
            let once = with(&text, &keys, exclusive);
            prop_assert_eq!(&with(&once, &keys, exclusive), &once);
            let foreign = |text: &[u8]| {
                without(text, &keys).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
            };
            if !exclusive {
                prop_assert_eq!(foreign(&once), foreign(&text));
            }
            prop_assert!(once.windows(keys[0].len()).any(|window| window == keys[0].as_bytes()));
            let gone = without(&text, &keys);
            prop_assert_eq!(&without(&gone, &keys), &gone);
        }
    }
}
