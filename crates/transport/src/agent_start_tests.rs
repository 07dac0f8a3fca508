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
    assert!(matches!(
        ended(code(1), "sudo: a password is required\n", &Sudo::Never),
        StartError::Ended { .. }
    ));
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

/// What sudo says and when it asks, and then the command itself.
const SUDO: &str = "[ \"$1\" = -S ] || { echo 'sudo: a password is required' >&2; exit 1; }\nprintf %s \"$3\" >&2\n\
    IFS= read -r p\nif [ \"$p\" != right ]; then printf 'Sorry, try again.\\n%s' \"$3\" >&2; read -r p; exit 1; fi\n\
    shift 4; exec \"$@\"";

async fn with_sudo(sudo: &Sudo) -> Result<bool, StartError> {
    let directory = tempfile::tempdir().unwrap();
    let agents = [AgentBinary::new(std::env::consts::ARCH, &b"#!/bin/sh\ncat\n"[..])];
    let place = directory.path().join("agents");
    let argv = command(place.to_str().unwrap(), &agents, &[], sudo);
    let stand_in = ["sh", "-c", SUDO, "sudo"].map(str::to_owned).into_iter().chain(argv[3..].iter().cloned());
    let program = crate::local::spawn(&stand_in.collect::<Vec<_>>())?;
    let mut stream = converse(program, &agents, sudo).await?;
    stream.write_all(b"x").await?;
    stream.shutdown().await?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await?;
    Ok(heard == b"x")
}

#[tokio::test]
async fn sudo_asks() {
    assert!(matches!(with_sudo(&Sudo::NonInteractive).await, Err(StartError::SudoPassword)));
    assert!(with_sudo(&Sudo::Password(Secret::new("right"))).await.unwrap());
    let wrong = with_sudo(&Sudo::Password(Secret::new("wrong"))).await;
    assert!(matches!(wrong, Err(StartError::SudoWrongPassword)));
}
