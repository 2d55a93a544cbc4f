#include "server/http/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::http {
namespace {

template <typename Object, void (*Free)(Object*)>
struct FreeWith {
  void operator()(Object* object) const { Free(object); }
};
void FreeBio(BIO* bio) {
  BIO_free(bio);
}
using Bio = std::unique_ptr<BIO, FreeWith<BIO, FreeBio>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX, SSL_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES, GENERAL_NAMES_free>>;

absl::Status Wrong(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return errors::InvalidArgument("TLS: ", what, ": ", reason != nullptr ? reason : "not what it should be");
}

Bio Reading(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// A key with a password is refused: nobody is there to type it.
int NoPassword(char*, int, int, void*) {
  return -1;
}

/// The certificates of `pem`, in its order; empty if there are none or one is broken.
std::vector<Certificate> ReadCertificates(const std::string& pem) {
  std::vector<Certificate> certificates;
  const Bio bio = Reading(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  // The end of the text is an error, too.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return {};
  ERR_clear_error();
  return certificates;
}

absl::Status UseOwnCertificate(const TlsMaterial& material, SSL_CTX* context) {
  std::vector<Certificate> chain = ReadCertificates(material.certificate_chain);
  if (chain.empty() || SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return Wrong("the certificate chain cannot be read");
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return Wrong("the certificate chain cannot be used");
  }
  const Key key(PEM_read_bio_PrivateKey(Reading(material.key).get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) return Wrong("the key cannot be read");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Wrong("the key is not that of the certificate");
  }
  return absl::OkStatus();
}

absl::Status AskForClientCertificate(const TlsMaterial& material, SSL_CTX* context) {
  const std::vector<Certificate> authorities = ReadCertificates(material.client_ca);
  if (authorities.empty()) return Wrong("the client CA cannot be read");
  for (const Certificate& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return Wrong("the client CA cannot be used");
    }
  }
  const int required = material.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return absl::OkStatus();
}

std::string TextOf(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Make(const TlsMaterial& material) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return Wrong("OpenSSL has no TLS 1.2");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Without it, a session whose client had a certificate could not be resumed.
  constexpr unsigned char kSessions[] = "roberta-server";
  SSL_CTX_set_session_id_context(context.get(), kSessions, sizeof kSessions);
  RETURN_IF_ERROR(UseOwnCertificate(material, context.get()));
  if (!material.client_ca.empty()) {
    RETURN_IF_ERROR(AskForClientCertificate(material, context.get()));
  } else if (material.require_client_certificate) {
    return Wrong("client certificates are required, but there is no client CA");
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(context.release()));
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

ssl_ctx_st* TlsContext::NewReference() const {
  SSL_CTX_up_ref(context_);
  return context_;
}

std::vector<std::string> TlsContext::NamesOfPeer(ssl_st* connection) {
  const Certificate certificate(SSL_get1_peer_certificate(connection));
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return {};
  std::vector<std::string> found;
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    // These three are the same kind of string in the same place.
    if (name->type == GEN_DNS || name->type == GEN_URI || name->type == GEN_EMAIL) found.push_back(TextOf(name->d.ia5));
  }
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) found.push_back(TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return found;
}

}  // namespace roberta::http
