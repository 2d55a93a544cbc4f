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
using Context = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;

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

std::chrono::system_clock::time_point TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTls(TlsInput input) {
  ERR_clear_error();
  ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(input.certificate_chain, input.certificate_file));
  ASSIGN_OR_RETURN(const Key key, ReadKey(input.key, input.key_file));
  const Context context(SSL_CTX_new(TLS_server_method()));
  X509* const own = certificates.front().get();
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), own) != 1) {
    return errors::InvalidArgument(input.certificate_file, ": TLS does not take the certificate: ", LastError());
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 || SSL_CTX_check_private_key(context.get()) != 1) {
    return errors::InvalidArgument(input.key_file, ": not the key of the certificate in ", input.certificate_file, ": ",
                                   LastError());
  }
  TlsMaterial material;
  if (!input.client_ca.empty() || !input.client_ca_file.empty()) {
    RETURN_IF_ERROR(ReadCertificates(input.client_ca, input.client_ca_file).status());
  }
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
