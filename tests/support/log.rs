//! The log of a running server, complete at the moment of each call.

use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio, read};

/// How long the log is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    ToTheEnd,
    /// Until the server is ready. Then the pipe is closed.
    UntilReady,
    /// Until the server is ready, and again after its end. The pipe stays open.
    UnlessRunning,
}

/// The standard error of a server.
///
/// Once an answer has arrived, everything that was logged before it is included, because each method first reads what
/// is still in the pipe.
#[derive(Debug)]
pub struct Log(Mutex<Written>);

#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    /// `None` once either end has closed it.
    pipe: Option<Arc<ChildStderr>>,
}

impl Log {
    /// Reads the log of a server in the background, so that the server never blocks on a full pipe. The receiver gets
    /// the line that says that the server is ready, and is disconnected when reading ends.
    pub(crate) fn follow(stderr: ChildStderr, followed: Followed) -> (Arc<Self>, Receiver<String>) {
        ioctl_fionbio(&stderr, true).unwrap();
        let log = Arc::new(Self(Mutex::new(Written { bytes: Vec::new(), pipe: Some(Arc::new(stderr)) })));
        let (sender, receiver) = channel();
        let its_log = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut is_ready = false;
            while its_log.wait() {
                let ready = if is_ready { None } else { its_log.lines().into_iter().find(|line| says_ready(line)) };
                let Some(line) = ready else { continue };
                is_ready = true;
                if followed == Followed::UntilReady {
                    its_log.0.lock().unwrap().pipe = None;
                }
                let _ = sender.send(line);
                if followed == Followed::UnlessRunning {
                    its_log.wait_for_close();
                }
            }
        });
        (log, receiver)
    }

    /// Returns the log so far.
    #[must_use]
    pub fn text(&self) -> String {
        let mut written = self.0.lock().unwrap();
        written.read();
        // Omits an incomplete last line.
        let whole = written.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        String::from_utf8(written.bytes[..whole].to_vec()).unwrap()
    }

    /// Returns the lines logged so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Waits until the server has closed the pipe, without reading.
    fn wait_for_close(&self) {
        let Some(pipe) = self.0.lock().unwrap().pipe.clone() else { return };
        poll(&mut [PollFd::new(&*pipe, PollFlags::empty())], None).unwrap();
    }

    /// Waits for more output, and reads it. Returns `false` at the end.
    fn wait(&self) -> bool {
        let Some(pipe) = self.0.lock().unwrap().pipe.clone() else { return false };
        poll(&mut [PollFd::new(&*pipe, PollFlags::IN)], None).unwrap();
        self.0.lock().unwrap().read();
        true
    }
}

impl Written {
    /// Reads what is available.
    fn read(&mut self) {
        let mut buffer = [0; 1 << 14];
        while let Some(pipe) = &self.pipe {
            match read(&**pipe, &mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.bytes.extend_from_slice(&buffer[..length]),
                Err(Errno::AGAIN) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn says_ready(line: &str) -> bool {
    line.contains(r#""message":"ready""#) || line.contains("taskbridge::cli::serve: ready ")
}
