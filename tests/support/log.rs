//! What a server logs, whole up to the moment at which somebody asks.

use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio, read};

/// How long it is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    ToTheEnd,
    UntilReady,
}

/// The standard error of a server. What was written before an answer is in it once the answer has come: whoever asks for
/// the log reads what is still in the pipe.
#[derive(Debug)]
pub struct Log(Mutex<Written>);

#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    /// Until it is closed, at either end.
    pipe: Option<Arc<ChildStderr>>,
}

impl Log {
    /// Follows a server, which never has to wait for a reader. What is received is the line that says it is ready, and
    /// that nobody follows it any more.
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
            }
        });
        (log, receiver)
    }

    /// All that has been written, as it is.
    #[must_use]
    pub fn text(&self) -> String {
        let mut written = self.0.lock().unwrap();
        written.read();
        // The rest is half a line.
        let whole = written.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        String::from_utf8(written.bytes[..whole].to_vec()).unwrap()
    }

    /// All lines that have been written.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Waits until more has been written, and reads it; whether there may be more.
    fn wait(&self) -> bool {
        let Some(pipe) = self.0.lock().unwrap().pipe.clone() else { return false };
        poll(&mut [PollFd::new(&*pipe, PollFlags::IN)], None).unwrap();
        self.0.lock().unwrap().read();
        true
    }
}

impl Written {
    /// Reads what is there.
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
    line.contains(r#""message":"ready""#) || line.contains("taskbridge::serve: ready ")
}
