//! A client, which uses one connection at a time, and the state that all clients share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::{Answer, parse};

/// The plan of a run.
pub struct Plan {
    pub address: SocketAddr,
    pub requests: Vec<Vec<u8>>,
    pub begin: Instant,
    /// The end of the warm-up. Earlier requests and answers are not counted.
    pub measured: Instant,
    pub end: Instant,
    pub rate: f64,
    pub status: u16,
    pub patience: Duration,
}

/// The result of a run.
#[derive(Default)]
pub struct Tally {
    /// All answers, including those of the warm-up and after the end.
    pub all: u64,
    /// Answers between warm-up and end.
    pub counted: u64,
    /// Answers with an unexpected status, to requests sent between warm-up and end.
    pub wrong: u64,
    /// Requests without an answer, and failed connections.
    pub broken: u64,
    pub statuses: BTreeMap<u16, u64>,
    /// Latencies of requests sent between warm-up and end, in microseconds.
    pub latencies: Vec<u64>,
}

/// A running plan.
pub struct Run {
    plan: Plan,
    next: Cell<usize>,
    due: Cell<u32>,
    pub tally: RefCell<Tally>,
}

impl Run {
    pub fn new(plan: Plan) -> Self {
        Self { plan, next: Cell::new(0), due: Cell::new(0), tally: RefCell::default() }
    }

    /// Returns the next request, and the time at which it is due.
    fn next(&self) -> Option<(Instant, &[u8])> {
        let planned = if self.plan.rate > 0.0 {
            let due = self.due.replace(self.due.get() + 1);
            self.plan.begin + Duration::from_secs_f64(f64::from(due) / self.plan.rate)
        } else {
            Instant::now()
        };
        let next = self.next.replace((self.next.get() + 1) % self.plan.requests.len());
        (planned < self.plan.end).then(|| (planned, self.plan.requests[next].as_slice()))
    }

    fn answered(&self, planned: Instant, answer: &Answer) {
        let now = Instant::now();
        let mut tally = self.tally.borrow_mut();
        tally.all += 1;
        let in_time = now <= self.plan.end || self.plan.rate > 0.0;
        if now >= self.plan.measured && in_time {
            tally.counted += 1;
        }
        if planned >= self.plan.measured {
            let latency = now.duration_since(planned).as_micros();
            tally.latencies.push(u64::try_from(latency).unwrap_or(u64::MAX));
            *tally.statuses.entry(answer.status).or_default() += 1;
            let right = match self.plan.status {
                0 => (200..300).contains(&answer.status),
                status => status == answer.status,
            };
            tally.wrong += u64::from(!right);
        }
    }
}

/// Sends requests until the end of the plan.
pub async fn client(run: Rc<Run>) {
    let mut connection = None;
    while let Some((planned, request)) = run.next() {
        // Timers have a resolution of one millisecond, so do not wait for a past moment.
        if planned > Instant::now() {
            tokio::time::sleep_until(planned.into()).await;
        }
        let exchange = exchange(&mut connection, run.plan.address, request);
        if let Ok(Ok(answer)) = tokio::time::timeout(run.plan.patience, exchange).await {
            run.answered(planned, &answer);
            if answer.closes {
                connection = None;
            }
        } else {
            connection = None;
            run.tally.borrow_mut().broken += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A connection, and the bytes that were read after the last answer.
type Connection = (TcpStream, Vec<u8>);

async fn exchange(connection: &mut Option<Connection>, address: SocketAddr, request: &[u8]) -> std::io::Result<Answer> {
    let (stream, read) = match connection {
        Some(connection) => connection,
        None => connection.insert(connect(address).await?),
    };
    stream.write_all(request).await?;
    loop {
        if let Some(answer) = parse(read).map_err(|_| std::io::ErrorKind::InvalidData)? {
            read.drain(..answer.bytes);
            return Ok(answer);
        }
        if stream.read_buf(read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok((stream, Vec::with_capacity(64 * 1024)))
}
