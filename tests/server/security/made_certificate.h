#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

// Certificates as a test wants them, such as expired ones, which no file in the repository could stay.
namespace roberta::security {

/// A certificate and its key, as PEM and for signing others.
struct MadeCertificate {
  std::string pem, key_pem;
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
};

struct CertificateOptions {
  const char* common_name = "";             ///< empty: none
  const char* alternative_names = "";       ///< as openssl.cnf has them: "DNS:localhost,URI:spiffe://a/b"; empty: none
  const MadeCertificate* issuer = nullptr;  ///< nullptr: it signs itself
  bool is_ca = false;
  long valid_from_s = -3600, valid_to_s = 3600;  ///< from now
};

template <typename Write>
std::string PemOf(const Write& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  write(out.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

inline MadeCertificate MakeCertificate(const CertificateOptions& options) {
  MadeCertificate made;
  made.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  made.certificate.reset(X509_new(), X509_free);
  X509* const certificate = made.certificate.get();
  static long serial = 1;
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to_s);
  X509_set_pubkey(certificate, made.key.get());
  if (*options.common_name != '\0') {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.common_name), -1, -1, 0);
  }
  const MadeCertificate& issuer = options.issuer == nullptr ? made : *options.issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get()));
  const auto extend = [&](int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (options.is_ca) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (*options.alternative_names != '\0') extend(NID_subject_alt_name, options.alternative_names);
  X509_sign(certificate, issuer.key.get(), EVP_sha256());
  made.pem = PemOf([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
  made.key_pem =
      PemOf([&](BIO* out) { PEM_write_bio_PrivateKey(out, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return made;
}

}  // namespace roberta::security
