//! Where the frames of a WebSocket end (RFC 6455 §5.2), so that one of ours can be put between two of them.

/// Follows one direction of a connection by the frames' heads alone; what they carry is never looked at.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; 14],
    /// How much of a head is there.
    have: usize,
    /// How much of a payload is to come.
    left: u64,
}

/// Who sends a frame; a client masks what it sends (§5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Client([u8; 4]),
    Server,
}

impl Frames {
    /// Notes what has gone by.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.have] = byte;
            self.have += 1;
            bytes = rest;
            if let Some(left) = payload(&self.head[..self.have]) {
                (self.have, self.left) = (0, left);
            }
        }
    }

    /// True where the last frame is complete.
    pub(super) fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// The length of the payload, once the head is there to its last byte.
fn payload(head: &[u8]) -> Option<u64> {
    let (&[_, second], extended) = head.split_first_chunk::<2>()?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, wide) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*extended.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*extended.first_chunk()?), 8),
        short => (u64::from(short), 0),
    };
    (extended.len() == wide + mask).then_some(length)
}

/// A Close frame (§5.5.1). The reason is of at most 123 bytes.
pub(super) fn close(sender: Sender, code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    payload.truncate(125);
    let length = payload.len() as u8;
    let mut frame = vec![0x88];
    match sender {
        Sender::Server => frame.push(length),
        Sender::Client(mask) => {
            frame.push(0x80 | length);
            frame.extend_from_slice(&mask);
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
    frame.extend_from_slice(&payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        match length {
            0..126 => frame.push(mask | length as u8),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend(std::iter::repeat_n(0xff, length + if masked { 4 } else { 0 }));
        frame
    }

    #[test]
    fn the_place_between_two_frames_is_found_wherever_the_bytes_are_cut() {
        for masked in [false, true] {
            for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
                let frame = frame(length, masked);
                for step in [1, 2, 3, 13, frame.len()] {
                    let mut frames = Frames::default();
                    for _ in 0..2 {
                        let mut passed = 0;
                        for part in frame.chunks(step) {
                            frames.pass(part);
                            passed += part.len();
                            let whole = passed == frame.len();
                            assert_eq!(frames.is_between(), whole, "{length} masked {masked} by {step}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_close_frame_carries_its_code_and_a_clients_is_masked() {
        assert_eq!(close(Sender::Server, 1001, "bye"), b"\x88\x05\x03\xe9bye");
        let masked = close(Sender::Client([1, 2, 3, 4]), 1001, "");
        assert_eq!(masked, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
    }
}
