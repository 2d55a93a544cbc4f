roberta_fuzzer(NAME server_config_fuzz SOURCES server_config_fuzz.cc DEPS config CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/server_config")
roberta_fuzzer(NAME trace_context_fuzz SOURCES trace_context_fuzz.cc DEPS call request_log
  CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/trace_context")
roberta_fuzzer(NAME request_fuzz SOURCES request_fuzz.cc DEPS service tokenizer CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/request")
roberta_fuzzer(NAME credentials_fuzz SOURCES credentials_fuzz.cc DEPS security CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/credentials")
if(NOT ROBERTA_CORE_ONLY)
  roberta_fuzzer(NAME infer_fuzz SOURCES infer_fuzz.cc DEPS transport service request_log registry checkpoint tokenizer encoder GTest::gtest
    CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/infer")
  roberta_fuzzer(NAME http_fuzz SOURCES http_fuzz.cc DEPS transport http service request_log registry checkpoint tokenizer encoder absl::strings
    GTest::gtest CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/http")
endif()
