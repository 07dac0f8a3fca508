//! Messages in frames: a length of four bytes, big-endian, then the message in `postcard`.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes of the length before each message.
pub const HEADER_BYTES: usize = 4;

/// A frame that says it is longer than this is refused before anything is allocated for it.
pub const MAXIMUM_BYTES: usize = 256 * 1024 * 1024;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is beyond [`MAXIMUM_BYTES`].
    #[error("a message of {length} bytes exceeds the limit of {MAXIMUM_BYTES} bytes")]
    TooLong {
        /// The length.
        length: usize,
    },
    /// The bytes are not what the message's type expects.
    #[error("a message of {length} bytes cannot be decoded: {source}")]
    Malformed {
        /// The length.
        length: usize,
        /// What the decoder says.
        source: postcard::Error,
    },
    /// The message cannot be written down.
    #[error("a message cannot be encoded: {0}")]
    Encode(postcard::Error),
}

/// A whole frame with the message in it.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = postcard::to_extend(message, vec![0; HEADER_BYTES]).map_err(FrameError::Encode)?;
    let length = frame.len() - HEADER_BYTES;
    let header = u32::try_from(length)
        .ok()
        .filter(|_| length <= MAXIMUM_BYTES)
        .ok_or(FrameError::TooLong { length })?;
    frame[..HEADER_BYTES].copy_from_slice(&header.to_be_bytes());
    Ok(frame)
}

/// The length of the message behind a header.
pub fn length(header: [u8; HEADER_BYTES]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(header) as usize;
    if length > MAXIMUM_BYTES { Err(FrameError::TooLong { length }) } else { Ok(length) }
}

/// The message in the bytes after a header, all of which it must use.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    let malformed = |source| FrameError::Malformed { length: bytes.len(), source };
    match postcard::take_from_bytes(bytes).map_err(malformed)? {
        (message, []) => Ok(message),
        _ => Err(malformed(postcard::Error::SerdeDeCustom)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{FromAgent, Mode, ToAgent};

    #[test]
    fn a_message_comes_back_as_it_went() {
        let message =
            ToAgent::Begin { run: "r1".into(), event: "setup".into(), mode: Mode::Plan, place: None };
        let frame = encode(&message).unwrap();
        let (header, body) = frame.split_at(HEADER_BYTES);
        assert_eq!(length(header.try_into().unwrap()).unwrap(), body.len());
        assert_eq!(decode::<ToAgent>(body).unwrap(), message);
    }

    #[test]
    fn bytes_after_the_message_are_refused() {
        let mut frame = encode(&ToAgent::Finish).unwrap();
        frame.push(0);
        assert!(matches!(decode::<ToAgent>(&frame[HEADER_BYTES..]), Err(FrameError::Malformed { .. })));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused() {
        assert!(matches!(length([0xff; 4]), Err(FrameError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
            let _ = decode::<ToAgent>(&bytes);
            let _ = decode::<FromAgent>(&bytes);
        }
    }
}
