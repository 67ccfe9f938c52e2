//! The report at the end.

use serde_json::{Value, json};

use crate::client::Tally;

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn report(tally: &Tally, seconds: f64, within: f64) -> Value {
    let mut latencies = tally.latencies.clone();
    latencies.sort_unstable();
    let below = latencies.partition_point(|latency| *latency as f64 <= within * 1000.0);
    json!({
        "answers": tally.all,
        "per_second": tally.counted as f64 / seconds,
        "errors": tally.wrong + tally.broken,
        "statuses": tally.statuses,
        "p50_us": percentile(&latencies, 50),
        "p99_us": percentile(&latencies, 99),
        "max_us": latencies.last().unwrap_or(&0),
        "within": if latencies.is_empty() { 0.0 } else { below as f64 / latencies.len() as f64 },
    })
}

/// Returns the smallest value that is not below `percent` of all values.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), 50);
        assert_eq!(percentile(&hundred, 99), 99);
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[], 50), 0);
    }
}
