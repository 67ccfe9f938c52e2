//! TLS with rustls, and the verification of the PostgreSQL server's certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificate::Certificate;
use crate::database::url::{Roots, TlsConfig, Verification};

/// An error from loading certificates or private keys.
#[derive(Debug, thiserror::Error)]
pub(in crate::database) enum TlsConfigError {
    #[error("cannot read the certificates in {}: {cause}", file.display())]
    Certificates { file: PathBuf, cause: rustls::pki_types::pem::Error },
    #[error("{} contains no certificate that can be used", .0.display())]
    NoCertificate(PathBuf),
    #[error("the operating system has no certificates of authorities")]
    NoSystemRoots,
    #[error("cannot read the private key in {}: {cause}", file.display())]
    Key { file: PathBuf, cause: rustls::pki_types::pem::Error },
    #[error("the client certificate and its key cannot be used: {0}")]
    Client(Error),
    #[error("cannot set TLS up: {0}")]
    Other(#[from] Error),
}

/// Returns a connector that opens TLS sessions.
///
/// # Errors
/// [`TlsConfigError`] if a PEM file cannot be read or has no certificate or key.
pub(super) fn connector(config: &TlsConfig) -> Result<MakeRustlsConnect, TlsConfigError> {
    let provider = Arc::new(ring::default_provider());
    let trusted = match config.verification {
        Verification::None => None,
        Verification::Authority | Verification::Full => Some(TrustStore::new(&config.roots, &provider)?),
    };
    let checks_name = config.verification == Verification::Full;
    let verifier = Arc::new(Verifier { provider: Arc::clone(&provider), trusted, checks_name });
    let versions = if config.needs_tls13 { &[&TLS13][..] } else { &[&TLS13, &TLS12][..] };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut tls = match &config.client_certificate {
        Some((certificate, file)) => {
            let key = PrivateKeyDer::from_pem_file(file)
                .map_err(|cause| TlsConfigError::Key { file: file.clone(), cause })?;
            builder.with_client_auth_cert(certificates(certificate)?, key).map_err(TlsConfigError::Client)?
        }
        None => builder.with_no_client_auth(),
    };
    tls.enable_sni = config.sends_server_name;
    if config.is_direct {
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(tls))
}

/// Returns the certificates in a PEM file.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let read = |cause| TlsConfigError::Certificates { file: file.to_owned(), cause };
    let all: Vec<_> = CertificateDer::pem_file_iter(file).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    if all.is_empty() { Err(TlsConfigError::NoCertificate(file.to_owned())) } else { Ok(all) }
}

/// The certificates that are trusted.
#[derive(Debug)]
struct TrustStore {
    /// `None` if no trusted certificate belongs to a CA.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates in the file that `sslrootcert` names. One of them may be the PostgreSQL server's own.
    pinned: Vec<CertificateDer<'static>>,
    /// `true` if a CA has name constraints. webpki applies them only to subject alternative names, so a common name is
    /// then not accepted.
    constrains_names: bool,
}

impl TrustStore {
    fn new(roots: &Roots, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConfigError> {
        let mut store = RootCertStore::empty();
        let mut pinned = Vec::new();
        match roots {
            Roots::Web => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::System => {
                // Certificates of the operating system that cannot be parsed are ignored.
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if store.is_empty() {
                    return Err(TlsConfigError::NoSystemRoots);
                }
            }
            Roots::File(file) => {
                pinned = certificates(file)?;
                let mut is_read = false;
                for certificate in &pinned {
                    let Ok(parsed) = Certificate::parse(certificate) else { continue };
                    is_read = true;
                    // A certificate that does not belong to a CA is trusted only as a server's own certificate. It
                    // cannot sign other certificates.
                    if parsed.is_authority() && parsed.check_validity(UnixTime::now()).is_ok() {
                        store.add_parsable_certificates([certificate.clone()]);
                    }
                }
                if !is_read {
                    return Err(TlsConfigError::NoCertificate(file.clone()));
                }
            }
        }
        let constrains_names = store.roots.iter().any(|root| root.name_constraints.is_some());
        let authorities = if store.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
            Some(builder.build().map_err(|error| TlsConfigError::Other(Error::General(error.to_string())))?)
        };
        Ok(Self { authorities, pinned, constrains_names })
    }

    /// Checks that the certificate is trusted and valid, and then that it is for the host. A certificate without
    /// subject alternative names is valid for its common name.
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        // webpki never accepts a CA's certificate as a server's own. The server's certificate is therefore first
        // compared with the pinned certificates, byte by byte.
        if self.pinned.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            let certificate = Certificate::parse(end_entity)?;
            certificate.check_validity(now)?;
            return certificate.check_name(server_name);
        }
        let Some(authorities) = &self.authorities else {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // webpki checks the name last. After an error about the name, everything else is therefore known to be
            // valid.
            Err(error) if is_about_name(&error) && !self.constrains_names_of(intermediates) => {
                Certificate::parse(end_entity)?.check_name(server_name)
            }
            result => result.map(drop),
        }
    }

    fn constrains_names_of(&self, intermediates: &[CertificateDer<'_>]) -> bool {
        let constrains = |intermediate| Certificate::parse(intermediate).is_ok_and(|parsed| parsed.constrains_names());
        self.constrains_names || intermediates.iter().any(constrains)
    }
}

/// Returns `true` if the error means that the certificate is trusted, but not for the host.
fn is_about_name(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

/// Verifies the PostgreSQL server's certificate as `sslmode` requires.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` to accept any certificate.
    trusted: Option<TrustStore>,
    /// `true` if the certificate must be for the host of the URL.
    checks_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        match trusted.verify(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if self.checks_name || !is_about_name(&error) => Err(error),
            _ => Ok(ServerCertVerified::assertion()),
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

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, GeneralSubtree, IsCa, KeyPair, NameConstraints,
        date_time_ymd,
    };

    use super::*;

    /// Returns the parameters of a certificate with these common names and subject alternative names.
    fn named(common: &[&str], alternative: &[&str]) -> CertificateParams {
        let mut params =
            CertificateParams::new(alternative.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        // rcgen keeps one name of each type, so the second common name has a custom type with the same OID.
        for (name, kind) in common.iter().zip([DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])]) {
            params.distinguished_name.push(kind, *name);
        }
        params
    }

    fn authority(change: impl FnOnce(&mut CertificateParams)) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = named(&["authority"], &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn signed(params: &CertificateParams, by: &CertifiedIssuer<'static, KeyPair>) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate().unwrap(), by).unwrap().der().clone()
    }

    /// Verifies a certificate for a host as `verify-full` does, with these certificates in `sslrootcert`.
    fn verify(roots: &[&str], chain: &[CertificateDer<'static>], host: &str) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, roots.concat()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let trusted = Some(TrustStore::new(&Roots::File(file), &provider).unwrap());
        let verifier = Verifier { provider, trusted, checks_name: true };
        let host = ServerName::try_from(host.to_owned()).unwrap();
        verifier.verify_server_cert(&chain[0], &chain[1..], &host, &[], UnixTime::now()).map(drop)
    }

    fn is_accepted(roots: &[&str], chain: &[CertificateDer<'static>], host: &str) -> bool {
        verify(roots, chain, host).is_ok()
    }

    #[test]
    fn names_are_alternative_names_or_else_the_first_common_name() {
        let authority = authority(|_| {});
        let roots = [authority.pem()];
        let roots: Vec<_> = roots.iter().map(String::as_str).collect();
        for (common, alternative, host, expected) in [
            (&[][..], &["db.test"][..], "db.test", true),
            (&["db.test"], &[], "db.test", true),
            (&["*.example.test"], &[], "db.example.test", true),
            (&["db.test"], &["other.test"], "db.test", false),
            (&["evil.test", "db.test"], &[], "db.test", false),
            (&["db.test", "evil.test"], &[], "db.test", true),
            (&["db.test"], &[], "other.test", false),
            (&["10.0.0.1"], &[], "10.0.0.1", true),
            (&["*.0.0.1"], &[], "10.0.0.1", false),
        ] {
            let leaf = signed(&named(common, alternative), &authority);
            assert_eq!(is_accepted(&roots, &[leaf], host), expected, "{common:?} {alternative:?} {host}");
        }
    }

    /// webpki applies the constraints only to subject alternative names. Taskbridge must therefore accept no common
    /// name if there are constraints.
    #[test]
    fn a_common_name_does_not_evade_name_constraints() {
        let constraints = || NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.test".into())],
            excluded_subtrees: Vec::new(),
        };
        let root = authority(|_| {});
        let mut params = named(&["intermediate"], &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.name_constraints = Some(constraints());
        let intermediate = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        let constrained_root = authority(|params| params.name_constraints = Some(constraints()));
        let by_name = named(&["db.test"], &[]);
        let chain = [signed(&by_name, &intermediate), intermediate.der().clone()];
        assert!(!is_accepted(&[&root.pem()], &chain, "db.test"));
        assert!(!is_accepted(&[&constrained_root.pem()], &[signed(&by_name, &constrained_root)], "db.test"));
        let inside = named(&[], &["db.example.test"]);
        let chain = [signed(&inside, &intermediate), intermediate.der().clone()];
        assert!(is_accepted(&[&root.pem()], &chain, "db.example.test"));
    }

    #[test]
    fn a_servers_own_certificate_is_trusted_and_vouches_for_no_other() {
        let root = authority(|_| {});
        let server = CertifiedIssuer::self_signed(named(&["db.test"], &[]), KeyPair::generate().unwrap()).unwrap();
        let own = server.pem();
        assert!(is_accepted(&[&own], &[server.der().clone()], "db.test"));
        assert!(!is_accepted(&[&own], &[server.der().clone()], "other.test"));
        let forged = named(&[], &["other.test"]).signed_by(&KeyPair::generate().unwrap(), &server).unwrap();
        assert!(!is_accepted(&[&own], &[forged.der().clone()], "other.test"));
        assert!(!is_accepted(&[&own, &root.pem()], &[forged.der().clone(), server.der().clone()], "other.test"));
        // A certificate that is both a CA's and the server's own. PostgreSQL's manual shows how to create one.
        let both = authority(|params| params.distinguished_name = named(&["db.test"], &[]).distinguished_name);
        assert!(is_accepted(&[&both.pem()], &[both.der().clone()], "db.test"));
    }

    #[test]
    fn certificates_that_have_expired_are_rejected() {
        let expire = |params: &mut CertificateParams| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        };
        let expired = authority(expire);
        let leaf = named(&[], &["db.test"]);
        assert!(!is_accepted(&[&expired.pem()], &[signed(&leaf, &expired)], "db.test"));
        let valid = authority(|_| {});
        let mut old = leaf.clone();
        expire(&mut old);
        for (roots, chain) in [(valid.pem(), signed(&old, &valid)), (expired.pem(), expired.der().clone())] {
            let error = verify(&[&roots], &[chain], "db.test").unwrap_err();
            assert!(format!("{error:?}").contains("Expired"), "{error:?}");
        }
        assert!(is_accepted(&[&expired.pem(), &valid.pem()], &[signed(&leaf, &valid)], "db.test"));
    }
}
