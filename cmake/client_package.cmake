# The client library as an installed package: headers, static libraries and a CMake package, so that a program elsewhere finds
# it with find_package(roberta-serve) and links roberta-serve::client.
include(CMakePackageConfigHelpers)

set(headers "${CMAKE_INSTALL_INCLUDEDIR}/roberta-serve")
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/roberta-serve")
foreach(library IN ITEMS client roberta_protos roberta_grpc version)
  if(NOT library MATCHES "^roberta_")
    set_target_properties(${library} PROPERTIES OUTPUT_NAME "roberta_${library}")
  endif()
  target_include_directories(${library} SYSTEM INTERFACE "$<INSTALL_INTERFACE:${headers}>")
endforeach()

install(TARGETS client roberta_protos roberta_grpc version EXPORT roberta-serve-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT roberta-serve-targets NAMESPACE roberta-serve:: DESTINATION "${package}")
install(FILES client/client.h client/credentials.h DESTINATION "${headers}/client")
install(DIRECTORY "${CMAKE_BINARY_DIR}/generated/pb/roberta/v1" "${CMAKE_BINARY_DIR}/generated/grpc.pb/roberta/v1"
  DESTINATION "${headers}/roberta" FILES_MATCHING PATTERN "*.pb.h")
install(DIRECTORY "${CMAKE_BINARY_DIR}/generated/pb/google/rpc" DESTINATION "${headers}/google" FILES_MATCHING PATTERN "*.pb.h")

configure_file(cmake/roberta-serve-config.cmake.in "${CMAKE_BINARY_DIR}/cmake/roberta-serve-config.cmake" COPYONLY)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/cmake/roberta-serve-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/cmake/roberta-serve-config.cmake" "${CMAKE_BINARY_DIR}/cmake/roberta-serve-config-version.cmake"
  DESTINATION "${package}")
