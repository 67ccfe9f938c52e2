//! A queue of log lines, so that no request waits for the reader of the log.

use std::io::{self, Write};
use std::mem::{replace, swap, take};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of bytes that are written at once. POSIX guarantees that a pipe takes up to this many bytes as one
/// piece (`PIPE_BUF`, 4096 on Linux), so that they are not mixed with those of other processes.
const WRITE_SIZE: usize = 4096;
/// Capacity in bytes up to which the writer reuses its buffer.
const REUSED_CAPACITY: usize = 64 * 1024;

/// Log lines that wait for a thread to write them. If the queue is full, because the reader of the log has stalled,
/// further lines are dropped and counted. Clones share the queue.
///
/// `tracing-appender` offers the same, but when its queue is full at the end of the process, it prints a message on
/// standard output, which can block forever if both outputs have the same reader.
#[derive(Debug, Clone)]
pub(crate) struct LogQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Maximum size of [`State::waiting`] in bytes.
    limit: usize,
    queued: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    /// Number of lines that were dropped.
    dropped: u64,
    /// Number of dropped lines that have been reported in the log.
    reported: u64,
}

impl LogQueue {
    /// Starts a thread that writes to `writer`. At most `limit` bytes wait for it, in addition to those that it is
    /// writing.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub(super) fn start(limit: usize, writer: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Shared { state: Mutex::default(), limit, queued: Condvar::new(), written: Condvar::new() };
        let queue = Self(Arc::new(shared));
        let writing = queue.clone();
        thread::Builder::new().name("log".into()).spawn(move || writing.write_to(writer))?;
        Ok(queue)
    }

    /// Returns the number of lines that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Waits until all lines have been written, but at most for `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_unwritten = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let _ = self.0.written.wait_timeout_while(self.0.lock(), limit, is_unwritten);
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > self.0.limit {
            state.dropped += 1;
            return;
        }
        let is_asleep = state.waiting.is_empty() && !state.is_writing;
        state.waiting.extend_from_slice(line);
        drop(state);
        if is_asleep {
            self.0.queued.notify_one();
        }
    }

    /// Writes lines as they arrive. Never returns.
    fn write_to(self, mut writer: impl Write) {
        let mut lines = Vec::new();
        loop {
            let dropped = self.take(&mut lines);
            for piece in Pieces(&lines) {
                // A line that cannot be written is lost.
                let _ = writer.write_all(piece);
            }
            if dropped > 0 {
                tracing::warn!(lines = dropped, "log lines dropped, because the log was not read fast enough");
            }
        }
    }

    /// Waits for lines, and replaces `lines` by them. Returns the number of lines that were dropped since the last call.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        lines.clear();
        lines.shrink_to(REUSED_CAPACITY);
        let mut state = self.0.lock();
        state.is_writing = false;
        self.0.written.notify_all();
        let mut state = match self.0.queued.wait_while(state, |state| state.waiting.is_empty()) {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        };
        state.is_writing = true;
        swap(lines, &mut state.waiting);
        let dropped = state.dropped;
        dropped - replace(&mut state.reported, dropped)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each call of `write` must have a whole line, as those of `tracing-subscriber` do.
impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An iterator over pieces of whole lines, each of at most [`WRITE_SIZE`] bytes unless a single line is longer.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let lines = take(&mut self.0);
        let is_end = |byte: &u8| *byte == b'\n';
        let end = match lines.get(..WRITE_SIZE) {
            None => None,
            Some(start) => start.iter().rposition(is_end).or_else(|| lines.iter().position(is_end)),
        };
        let (piece, rest) = lines.split_at(end.map_or(lines.len(), |end| end + 1));
        self.0 = rest;
        Some(piece).filter(|piece| !piece.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// A writer that reports each piece, and then waits until it is released.
    struct Stalled {
        pieces: Sender<String>,
        releases: Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.pieces.send(String::from_utf8(bytes.to_vec()).unwrap());
            let _ = self.releases.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled(limit: usize) -> (LogQueue, Receiver<String>, Sender<()>) {
        let ((pieces, written), (release, releases)) = (channel(), channel());
        (LogQueue::start(limit, Stalled { pieces, releases }).unwrap(), written, release)
    }

    #[test]
    fn lines_wait_for_the_writer_up_to_the_limit() {
        let (queue, written, release) = stalled(8);
        queue.push(b"one\n");
        assert_eq!(written.recv().unwrap(), "one\n");
        for line in ["two\n", "six\n", "ten\n", "a\n"] {
            queue.push(line.as_bytes());
        }
        assert_eq!(queue.dropped(), 2);
        release.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), "two\nsix\n");
        queue.push(b"ten\n");
        assert_eq!(queue.dropped(), 2);
        drop(release);
        queue.flush(LONG);
        assert_eq!(written.try_iter().collect::<Vec<_>>(), ["ten\n"]);
    }

    #[test]
    fn a_flush_does_not_wait_for_a_stalled_reader() {
        let (queue, written, _release) = stalled(8);
        queue.push(b"one\n");
        queue.flush(Duration::ZERO);
        assert_eq!(written.recv().unwrap(), "one\n");
        queue.flush(Duration::from_millis(1));
    }

    #[test]
    fn pieces_are_whole_lines() {
        let line = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
        let lengths = |lines: &[Vec<u8>]| Pieces(&lines.concat()).map(<[u8]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [] as [usize; 0]);
        assert_eq!(lengths(&[line(WRITE_SIZE)]), [WRITE_SIZE]);
        assert_eq!(lengths(&vec![line(100); 100]), [4000, 4000, 2000]);
        assert_eq!(lengths(&[line(WRITE_SIZE - 1), line(2)]), [WRITE_SIZE - 1, 2]);
        assert_eq!(lengths(&[line(100), line(WRITE_SIZE + 1), line(10)]), [100, WRITE_SIZE + 1, 10]);
        assert_eq!(lengths(&[vec![b'x'; WRITE_SIZE + 1]]), [WRITE_SIZE + 1]);
    }
}
