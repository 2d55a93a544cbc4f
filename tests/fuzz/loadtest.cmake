if(NOT ROBERTA_CORE_ONLY)
  roberta_fuzzer(NAME metrics_page_fuzz SOURCES metrics_page_fuzz.cc DEPS loadtest_target CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/metrics_page")
endif()
