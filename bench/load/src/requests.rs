//! The file of prepared requests.

use anyhow::{Context, Result};

/// All requests, in order.
pub fn read(path: &str) -> Result<Vec<Vec<u8>>> {
    let file = std::fs::read(path)?;
    let mut rest = file.as_slice();
    let mut requests = Vec::new();
    while let Some(line) = rest.iter().position(|byte| *byte == b'\n') {
        let length: usize = std::str::from_utf8(&rest[..line])?.parse().context("a length")?;
        let request = rest.get(line + 1..line + 1 + length).context("the file ends within a request")?;
        requests.push(request.to_vec());
        rest = &rest[line + 1 + length..];
    }
    Ok(requests)
}
