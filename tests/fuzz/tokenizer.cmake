roberta_fuzzer(NAME tokenizer_fuzz SOURCES tokenizer_fuzz.cc DEPS tokenizer CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/tokenizer")
roberta_fuzzer(NAME vocabulary_fuzz SOURCES vocabulary_fuzz.cc DEPS tokenizer CORPUS "${CMAKE_CURRENT_SOURCE_DIR}/corpus/vocabulary")
