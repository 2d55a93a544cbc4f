roberta_fuzzer(NAME sample_fuzz SOURCES sample_fuzz.cc DEPS quality tokenizer CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/sample")
roberta_fuzzer(NAME rows_fuzz SOURCES rows_fuzz.cc DEPS rows tokenizer CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/sample")
