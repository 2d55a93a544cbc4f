# All dependencies are packages of the distribution (deploy/packages lists them).
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(Protobuf REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers alone: Asio and Beast
find_package(OpenSSL REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)

if(NOT ROBERTA_CORE_ONLY)
  pkg_check_modules(grpcpp REQUIRED IMPORTED_TARGET grpc++)
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  find_package(spdlog REQUIRED)
  if(NOT ROBERTA_SERVE_ONLY)
    pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
    pkg_check_modules(drawing REQUIRED IMPORTED_TARGET cairo-pdf pangocairo librsvg-2.0)
  endif()

  # LibTorch is optional: only the module in profiles/libtorch needs it. TorchConfig.cmake of the distribution asks for every
  # optional backend; three libraries and two header roots are all that is needed here.
  find_path(TORCH_INCLUDE_DIR torch/csrc/api/include/torch/torch.h)
  find_library(TORCH_LIBRARY torch)
  find_library(TORCH_CPU_LIBRARY torch_cpu)
  find_library(C10_LIBRARY c10)
endif()

set(ROBERTA_LIBTORCH_VERSION "none")  # what the module is built with
if(TORCH_INCLUDE_DIR AND TORCH_LIBRARY AND TORCH_CPU_LIBRARY AND C10_LIBRARY AND NOT ROBERTA_CORE_ONLY)
  set(torch_headers "${TORCH_INCLUDE_DIR}/torch/csrc/api/include")
  add_library(torch_headers_and_libraries INTERFACE)
  target_include_directories(torch_headers_and_libraries SYSTEM INTERFACE "${torch_headers}")
  target_link_libraries(torch_headers_and_libraries INTERFACE "${TORCH_LIBRARY}" "${TORCH_CPU_LIBRARY}" "${C10_LIBRARY}")
  file(STRINGS "${torch_headers}/torch/version.h" torch_version REGEX "TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
  list(TRANSFORM torch_version REPLACE ".* " "")
  list(JOIN torch_version "." ROBERTA_LIBTORCH_VERSION)
elseif(NOT ROBERTA_CORE_ONLY)
  message(STATUS "LibTorch (package libtorch-dev) is not installed: the profile reference and roberta-model prune are not built")
endif()

if(BUILD_TESTING AND NOT ROBERTA_SERVE_ONLY)
  find_package(GTest REQUIRED)
  if(ROBERTA_BENCHMARKS)
    find_package(benchmark REQUIRED)
  endif()
endif()
