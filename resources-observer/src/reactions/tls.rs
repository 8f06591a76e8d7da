//! Trust in servers: what the system trusts, or the file that `SSL_CERT_FILE` names.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// TLS for a client. One provider of cryptography is compiled in, that of the broker's links.
pub(super) fn client() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // A certificate of the system that cannot be read is one less to trust.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("the provider has the usual versions"))
        .with_root_certificates(roots)
        .with_no_client_auth()
}
