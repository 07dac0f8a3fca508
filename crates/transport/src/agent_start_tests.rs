use proptest::prelude::*;

use super::*;

#[test]
fn the_script_is_heard_through_noise() {
    let mut buffer = b"Welcome!\n\nENGINE-WHAT\n\nENGINE-READY\nrest".to_vec();
    assert_eq!(take_said(&mut buffer), Some(Said::Ready));
    assert_eq!(buffer, b"rest");
    let mut buffer = b"no newline\nENGINE-NEED x86_64 12\n".to_vec();
    assert_eq!(take_said(&mut buffer), Some(Said::Need("x86_64".into())));
    let mut buffer = b"\nENGINE-FAIL directory /a b\n".to_vec();
    assert_eq!(take_said(&mut buffer), Some(Said::Fail("directory".into(), "/a b".into())));
    let mut buffer = b"\nENGINE-REA".to_vec();
    assert_eq!(take_said(&mut buffer), None);
    assert_eq!(buffer, b"\nENGINE-REA");
}

#[test]
fn sudo_speaks() {
    let code = |code| Exit::Code(code);
    let sudo = &Sudo::NonInteractive;
    assert!(matches!(ended(code(1), "sudo: a password is required\n", sudo), StartError::SudoPassword));
    assert!(matches!(ended(code(127), "env: 'sudo': No such file", sudo), StartError::SudoMissing));
    assert!(matches!(
        ended(code(1), "eve is not in the sudoers file.", sudo),
        StartError::SudoRefused { stderr } if stderr.contains("eve")
    ));
    assert!(matches!(ended(code(1), "sudo: a password is required\n", &Sudo::Never), StartError::Ended { .. }));
}

proptest! {
    #[test]
    fn arguments_survive_the_shell(arguments in proptest::collection::vec("[ -~\n]{0,12}", 0..4)) {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let line = shell_words::join(command("/d", &[AgentBinary::new("x", &b"y"[..])], &words, &Sudo::Never));
        let back = shell_words::split(&line).unwrap();
        prop_assert_eq!(&back[back.len() - words.len()..], &arguments[..]);
    }

    #[test]
    fn any_split_of_the_stream_is_heard(noise in "[a-zA-Z\n-]{0,40}", cut in 0usize..60) {
        let whole = format!("{noise}\nENGINE-READY\nx").into_bytes();
        let cut = cut.min(whole.len());
        let mut buffer = whole[..cut].to_vec();
        let mut said = take_said(&mut buffer);
        if said.is_none() {
            buffer.extend_from_slice(&whole[cut..]);
            said = take_said(&mut buffer);
        } else {
            buffer.extend_from_slice(&whole[cut..]);
        }
        prop_assert_eq!(said, Some(Said::Ready));
        prop_assert_eq!(buffer, b"x");
    }
}
