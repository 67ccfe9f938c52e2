//! The time to verify one password.

use std::time::Instant;

use anyhow::{Result, ensure};

/// Returns the median of nine verifications with cost 12.
pub fn milliseconds() -> Result<f64> {
    let hash = bcrypt::hash("password123", 12)?;
    let mut times = Vec::new();
    for _ in 0..9 {
        let begin = Instant::now();
        ensure!(bcrypt::verify("password123", &hash)?, "the password is wrong");
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
