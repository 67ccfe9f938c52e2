//! TLS to PostgreSQL with rustls: how the server's certificate is checked.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use taskbridge_domain::Cause;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Verification of the server's certificate: libpq's `sslmode` from `require` on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::database) enum Verification {
    /// Any certificate is accepted.
    #[default]
    None,
    /// The certificate must be signed by a trusted authority (`verify-ca`).
    Authority,
    /// It must also be for the host of the URL (`verify-full`).
    Full,
}

/// The TLS parameters of a URL.
#[derive(Debug, Clone, Default)]
pub(in crate::database) struct TlsConfig {
    pub(in crate::database) verification: Verification,
    /// PEM file of trusted authorities; those of the web if it is `None`.
    pub(in crate::database) root_certificates: Option<PathBuf>,
    /// PEM files of the client's certificate and private key.
    pub(in crate::database) client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Returns what opens TLS sessions.
///
/// # Errors
/// If a PEM file cannot be read or has no certificate or key.
pub(super) fn connector(config: &TlsConfig) -> Result<MakeRustlsConnect, Cause> {
    let TlsConfig { verification, root_certificates, client_certificate } = config;
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match verification {
        Verification::None => Arc::new(Unverified { provider: Arc::clone(&provider), chain: None }),
        Verification::Authority => {
            let chain = chain_verifier(root_certificates.as_ref(), &provider)?;
            Arc::new(Unverified { provider: Arc::clone(&provider), chain: Some(chain) })
        }
        Verification::Full => chain_verifier(root_certificates.as_ref(), &provider)?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match client_certificate {
        Some((certificate, key)) => {
            let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
            builder.with_client_auth_cert(certificates, PrivateKeyDer::from_pem_file(key)?)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn chain_verifier(
    root_certificates: Option<&PathBuf>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Cause> {
    let mut roots = RootCertStore::empty();
    match root_certificates {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build()?)
}

/// Accepts a certificate for any host name, and from any authority if there is no `chain` to check.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
