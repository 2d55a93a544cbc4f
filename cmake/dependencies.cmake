# All dependencies are packages of the distribution (deploy/packages lists them).
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(Protobuf REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
# Not prometheus-cpp-pull: its civetweb starts threads with 100 KiB of stack, which LibTorch's thread-local storage fills.
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)

if(NOT ROBERTA_CORE_ONLY)
  pkg_check_modules(grpcpp REQUIRED IMPORTED_TARGET grpc++)
  find_library(GRPCPP_REFLECTION_LIBRARY grpc++_reflection REQUIRED)
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  find_package(spdlog REQUIRED)
  if(NOT ROBERTA_SERVE_ONLY)
    pkg_check_modules(drawing REQUIRED IMPORTED_TARGET cairo-pdf pangocairo librsvg-2.0)
  endif()

  # TorchConfig.cmake of the distribution drags in every optional backend; two libraries and two header roots are all we need.
  find_path(TORCH_INCLUDE_DIR torch/csrc/api/include/torch/torch.h REQUIRED)
  find_library(TORCH_LIBRARY torch REQUIRED)
  find_library(TORCH_CPU_LIBRARY torch_cpu REQUIRED)
  find_library(C10_LIBRARY c10 REQUIRED)
  add_library(torch_headers_and_libraries INTERFACE)
  target_include_directories(torch_headers_and_libraries SYSTEM INTERFACE "${TORCH_INCLUDE_DIR}/torch/csrc/api/include")
  target_link_libraries(torch_headers_and_libraries INTERFACE "${TORCH_LIBRARY}" "${TORCH_CPU_LIBRARY}" "${C10_LIBRARY}")
endif()

if(BUILD_TESTING AND NOT ROBERTA_SERVE_ONLY)
  find_package(GTest REQUIRED)
  if(ROBERTA_BENCHMARKS)
    find_package(benchmark REQUIRED)
  endif()
endif()
