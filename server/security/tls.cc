#include "server/security/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::security {
namespace {

template <auto free>
struct FreeBy {
  template <typename Object>
  void operator()(Object* object) const {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeBy<BIO_free>>;
using Certificate = std::unique_ptr<X509, FreeBy<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

/// Why the last call of OpenSSL on this thread failed.
std::string LastError() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "not PEM" : reason;
}

/// For OpenSSL, which would otherwise ask for it on the terminal.
int NoPassword(char* /*buffer*/, int /*bytes*/, int /*writing*/, void* /*data*/) {
  return 0;
}

Bio Reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// All certificates of `pem`, at least one.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const std::string& pem, const std::string& file) {
  const Bio reader = Reader(pem);
  std::vector<Certificate> certificates;
  while (X509* read = PEM_read_bio_X509(reader.get(), nullptr, NoPassword, nullptr)) certificates.emplace_back(read);
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string why = LastError();
  if (!certificates.empty() && at_end) return certificates;
  return errors::InvalidArgument(file, ": certificate ", certificates.size() + 1, " cannot be read: ", why);
}

absl::StatusOr<Key> ReadKey(const std::string& pem, const std::string& file) {
  Key key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return errors::InvalidArgument(file, ": the private key cannot be read (it must not be encrypted): ", LastError());
  }
  return key;
}

absl::Status UseOwn(const TlsInput& input, const std::vector<Certificate>& chain, SSL_CTX* context) {
  ASSIGN_OR_RETURN(const Key key, ReadKey(input.key, input.key_file));
  bool taken = SSL_CTX_use_certificate(context, chain.front().get()) == 1;
  for (size_t i = 1; taken && i < chain.size(); ++i) taken = SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  if (!taken) {
    return errors::InvalidArgument(input.certificate_file, ": TLS does not take the certificate: ", LastError());
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) {
    return absl::OkStatus();
  }
  return errors::InvalidArgument(input.key_file, ": not the key of the certificate in ", input.certificate_file, ": ",
                                 LastError());
}

absl::Status AskForClientCertificate(const TlsInput& input, SSL_CTX* context) {
  ASSIGN_OR_RETURN(const auto authorities, ReadCertificates(input.client_ca, input.client_ca_file));
  for (const Certificate& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return errors::InvalidArgument(input.client_ca_file, ": TLS does not take the client CA: ", LastError());
    }
  }
  const int required = input.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return absl::OkStatus();
}

std::chrono::system_clock::time_point TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTls(TlsInput input) {
  ERR_clear_error();
  ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(input.certificate_chain, input.certificate_file));
  TlsMaterial material;
  material.context.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* const context = material.context.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    return absl::InternalError(absl::StrCat("OpenSSL has no TLS 1.2: ", LastError()));
  }
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Without it, a session whose client had a certificate could not be resumed.
  constexpr unsigned char kSessions[] = "roberta-server";
  SSL_CTX_set_session_id_context(context, kSessions, sizeof kSessions);
  RETURN_IF_ERROR(UseOwn(input, certificates, context));
  if (!input.client_ca.empty() || !input.client_ca_file.empty() || input.require_client_certificate) {
    RETURN_IF_ERROR(AskForClientCertificate(input, context));
  }
  const X509* const own = certificates.front().get();
  material.expires = TimeOf(X509_get0_notAfter(own));
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    material.warnings.push_back(input.certificate_file + ": the certificate has expired");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) {
    material.warnings.push_back(input.certificate_file + ": the certificate is not valid yet");
  }
  material.certificate_chain = std::move(input.certificate_chain);
  material.key = std::move(input.key);
  material.client_ca = std::move(input.client_ca);
  return material;
}

}  // namespace roberta::security
