//! The IP address and user agent of the client that opens a session.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use taskbridge_domain::sessions::ClientInfo;

use crate::extract::client_address::ClientAddress;

/// Maximum number of characters of `User-Agent` that are stored.
const MAX_USER_AGENT_CHARS: usize = 1024;

/// Returns the IP address and the user agent of the client.
pub(crate) fn client_info(request: &HttpRequest) -> ClientInfo {
    let user_agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let user_agent = user_agent.unwrap_or_default().chars().take(MAX_USER_AGENT_CHARS).collect();
    ClientInfo { ip_address: ClientAddress::of(request).to_string(), user_agent }
}
