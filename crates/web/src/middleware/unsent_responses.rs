//! A limit on the memory of responses that clients have not read yet.
//!
//! actix-http copies a body that is a single `Bytes` into the write buffer of the connection at once, and the buffer
//! keeps it until the client has read it. Large bodies are therefore passed on in chunks: actix-http asks for the next
//! chunk only when its buffer has less than 32 KiB. Until then, they count towards a limit.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::web::{Bytes, Data};
use taskbridge_domain::client_network::Tier;
use thiserror::Error;

use crate::extract::client_address::ClientAddress;

/// Maximum size of a chunk, in bytes. A body of at most this size is passed on as it is, and is not counted.
const CHUNK: usize = 32 * 1024;

/// The limits of [`UnsentResponses`], in bytes.
#[derive(Debug, Clone, Copy)]
pub struct UnsentLimits {
    /// Maximum size of all large responses that clients have not read. A third of it is for the first response of a
    /// client network, so that a few networks cannot use it up.
    pub total: usize,
    /// Maximum size of those of one client network, which is an IPv4 /24 or an IPv6 /48. A single response may be
    /// larger, if it is the only one.
    pub per_network: usize,
}

/// The large responses of this process that clients have not read yet.
#[derive(Debug)]
pub struct UnsentResponses {
    limits: UnsentLimits,
    usage: Mutex<Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    bytes: usize,
    networks: HashMap<Tier, usize>,
    refused: u64,
}

/// A response would exceed a limit of [`UnsentResponses`].
#[derive(Debug, Error)]
#[error("responses that clients have not read take the maximum amount of memory")]
pub(crate) struct TooManyUnsent;

impl UnsentResponses {
    /// Returns a limit without any responses.
    #[must_use]
    pub fn new(limits: UnsentLimits) -> Self {
        Self { limits, usage: Mutex::default() }
    }

    /// Returns the size of all large responses that clients have not read, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.usage().bytes
    }

    /// Returns the number of responses that were refused because of a limit.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.usage().refused
    }

    /// Counts `size` bytes for a client of `network` until the returned value is dropped.
    fn reserve(self: Arc<Self>, network: Tier, size: usize) -> Result<Reservation, TooManyUnsent> {
        let mut usage = self.usage();
        let of_network = usage.networks.get(&network).copied().unwrap_or_default();
        let UnsentLimits { total, per_network } = self.limits;
        let has_room = match of_network {
            0 => usage.bytes + size <= total,
            _ => usage.bytes + size <= total - total / 3 && of_network + size <= per_network,
        };
        if !has_room {
            usage.refused += 1;
            return Err(TooManyUnsent);
        }
        usage.bytes += size;
        usage.networks.insert(network, of_network + size);
        drop(usage);
        Ok(Reservation { responses: self, network, size })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
struct Reservation {
    responses: Arc<UnsentResponses>,
    network: Tier,
    size: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut usage = self.responses.usage();
        usage.bytes -= self.size;
        if let Some(of_network) = usage.networks.get_mut(&self.network) {
            *of_network -= self.size;
            if *of_network == 0 {
                usage.networks.remove(&self.network);
            }
        }
    }
}

/// A large body, which is passed on in chunks.
struct ChunkedBody {
    rest: Bytes,
    /// Dropped with the last chunk. `None` if the memory of the body is shared, so that a response takes no more of it.
    reservation: Option<Reservation>,
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let size = self.rest.len().min(CHUNK);
        if size == self.rest.len() {
            self.reservation = None;
        }
        Poll::Ready((size > 0).then(|| Ok(self.rest.split_to(size))))
    }
}

/// Counts the response towards the app's [`UnsentResponses`] if its body is large.
///
/// # Errors
/// Returns [`TooManyUnsent`], and the request, if the response would exceed a limit.
pub(super) fn limit_unsent(
    response: ServiceResponse<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, (TooManyUnsent, HttpRequest)> {
    if !matches!(response.response().body().size(), BodySize::Sized(size) if size > CHUNK as u64) {
        return Ok(response.map_into_boxed_body());
    }
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Err(body) => body.boxed(),
        Ok(rest) => {
            let responses = request.app_data::<Data<UnsentResponses>>().filter(|_| rest.is_unique());
            let reservation = responses.map(|responses| {
                let network = ClientAddress::of(&request).network().widest();
                Arc::clone(responses).reserve(network, rest.len())
            });
            match reservation.transpose() {
                Ok(reservation) => ChunkedBody { rest, reservation }.boxed(),
                Err(error) => return Err((error, request)),
            }
        }
    };
    Ok(ServiceResponse::new(request, response.set_body(body)))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use actix_web::HttpResponse;
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use taskbridge_domain::client_network::ClientNetwork;

    use super::*;

    fn limits(total: usize, per_network: usize) -> Arc<UnsentResponses> {
        Arc::new(UnsentResponses::new(UnsentLimits { total, per_network }))
    }

    fn network(address: &str) -> Tier {
        ClientNetwork::of(Some(address.parse().unwrap())).widest()
    }

    #[test]
    fn bytes_are_counted_until_they_are_released() {
        let responses = limits(100, 60);
        let reserve = |address, size| Arc::clone(&responses).reserve(network(address), size);
        let first = reserve("192.0.2.1", 40).unwrap();
        assert!(reserve("192.0.2.255", 21).is_err(), "the network would have more than its share");
        let second = reserve("192.0.2.255", 20).unwrap();
        assert!(reserve("192.0.3.1", 41).is_err(), "all together would have more than the limit");
        let third = reserve("192.0.3.1", 40).unwrap();
        assert_eq!((responses.bytes(), responses.refused()), (100, 2));
        drop((first, second));
        let fourth = reserve("192.0.2.1", 60).unwrap();
        drop((third, fourth));
        assert_eq!((responses.bytes(), responses.refused()), (0, 2));
        assert!(responses.usage().networks.is_empty());
    }

    #[test]
    fn a_single_response_may_be_larger_than_the_share_of_its_network() {
        let responses = limits(100, 10);
        let reserve = |address, size| Arc::clone(&responses).reserve(network(address), size);
        let first = reserve("2001:db8:1::1", 90).unwrap();
        assert!(reserve("2001:db8:1:ffff::1", 1).is_err());
        assert!(reserve("2001:db8:2::1", 11).is_err());
        let second = reserve("2001:db8:2::1", 10).unwrap();
        drop(first);
        assert_eq!(responses.bytes(), 10);
        drop(second);
    }

    /// Networks with slow clients leave a third of the memory to others.
    #[test]
    fn a_third_is_for_networks_without_a_response() {
        let responses = limits(90, 30);
        let reserve = |address, size| Arc::clone(&responses).reserve(network(address), size);
        let slow: Vec<_> = ["192.0.2.1", "192.0.3.1", "192.0.4.1"]
            .into_iter()
            .flat_map(|address| [10, 10, 10].map(|size| reserve(address, size)))
            .filter_map(Result::ok)
            .collect();
        assert_eq!((slow.len(), responses.bytes()), (7, 70));
        let others = ["192.0.5.1", "192.0.6.1"].map(|address| reserve(address, 10).unwrap());
        assert!(reserve("192.0.7.1", 1).is_err() && reserve("192.0.2.1", 1).is_err());
        drop((slow, others));
        assert!(reserve("192.0.2.1", 60).is_ok());
    }

    fn answer(responses: &Arc<UnsentResponses>, body: impl MessageBody + 'static) -> ServiceResponse<BoxBody> {
        let request = TestRequest::get().app_data(Data::from(Arc::clone(responses))).to_http_request();
        limit_unsent(ServiceResponse::new(request, HttpResponse::Ok().body(body))).unwrap()
    }

    #[actix_web::test]
    async fn a_large_body_is_passed_on_in_chunks_and_counted_until_the_last() {
        let responses = limits(1_000_000, 1_000_000);
        let sent: Vec<_> = (0..=2 * CHUNK).map(|place| place.to_le_bytes()[0]).collect();
        let response = answer(&responses, sent.clone());
        assert_eq!(responses.bytes(), sent.len());
        let mut body = pin!(response.into_body());
        assert_eq!(body.size(), BodySize::Sized(sent.len() as u64));
        let (mut chunks, mut received) = (Vec::new(), Vec::new());
        while let Some(chunk) = poll_fn(|context| body.as_mut().poll_next(context)).await {
            let chunk = chunk.unwrap();
            chunks.push((chunk.len(), responses.bytes()));
            received.extend_from_slice(&chunk);
        }
        assert_eq!(chunks, [(CHUNK, sent.len()), (CHUNK, sent.len()), (1, 0)]);
        assert_eq!(received, sent);
    }

    #[actix_web::test]
    async fn a_body_that_is_dropped_is_no_longer_counted() {
        let responses = limits(1_000_000, 1_000_000);
        let response = answer(&responses, vec![b'x'; 2 * CHUNK]);
        assert_eq!(responses.bytes(), 2 * CHUNK);
        drop(response);
        assert_eq!(responses.bytes(), 0);
    }

    #[actix_web::test]
    async fn a_small_body_is_not_counted() {
        let responses = limits(0, 0);
        let response = answer(&responses, vec![b'x'; CHUNK]);
        assert_eq!(response.into_body().try_into_bytes().unwrap().len(), CHUNK);
    }

    /// The files of Swagger UI are part of the program, and the responses with the OpenAPI document share its memory.
    #[actix_web::test]
    async fn shared_memory_is_not_counted() {
        static SHARED: &[u8] = &[b'x'; 2 * CHUNK];
        let responses = limits(0, 0);
        let document = Bytes::from(SHARED.to_vec());
        for body in [Bytes::from_static(SHARED), document.clone()] {
            let body = answer(&responses, body).into_body().try_into_bytes().unwrap_err();
            assert_eq!(to_bytes(body).await.unwrap(), document);
        }
    }
}
