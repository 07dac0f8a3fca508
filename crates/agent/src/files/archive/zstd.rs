//! Zstandard as its command writes it: one frame or several, and such as are to be skipped. The library reads one.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// The largest window, as for the command without `--long=31`.
const WINDOW_BYTES: u64 = 128 * 1024 * 1024;

/// Reads all frames, and makes sure that each is what was written.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun.
    within: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES);
        Self { source, decoder, within: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.within = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let skipped = io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                if skipped < length.into() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.within {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    let decoded = self.decoder.decode_blocks(&mut self.source, one);
                    decoded.map_err(|error| io::Error::other(error.to_string()))?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                let expected = self.decoder.get_checksum_from_data();
                if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::other("the checksum of a zstd frame is wrong"));
                }
                self.within = false;
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.begin()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'hello\n' | zstd`, version 1.5.4.
    const HELLO: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x31\x00\x00\x68\x65\x6c\x6c\x6f\x0a\x53\x88\xbd\x91";

    fn all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Frames::new(bytes).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn frames_follow_each_other_and_some_are_skipped() {
        let skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc";
        let both = [HELLO, skipped, HELLO].concat();
        assert_eq!(all(&both).unwrap(), b"hello\nhello\n");
        assert_eq!(all(b"").unwrap(), b"");
        assert_eq!(all(&both[..both.len() - 1]).unwrap_err().kind(), io::ErrorKind::Other);
        assert!(all(&skipped[..9]).is_err());
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        let mut bytes = HELLO.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(all(&bytes).unwrap_err().to_string(), "the checksum of a zstd frame is wrong");
    }
}
