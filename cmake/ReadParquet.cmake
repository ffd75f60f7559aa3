# kit/read-parquet, with the Arrow of the .venv's pyarrow: headers and libraries stand in its package folder. Its
# libraries have versioned names only, so they are linked by their full path. Without pyarrow: no parquet.
if(NOT PYARROW)
    file(GLOB PYARROW CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow)
endif()
file(GLOB ARROW_LIBRARIES ${PYARROW}/libarrow.so.* ${PYARROW}/libparquet.so.* ${PYARROW}/libarrow.*.dylib ${PYARROW}/libparquet.*.dylib)
if(PYARROW AND ARROW_LIBRARIES)
    add_executable(read_parquet prepare/parquet/read_parquet.cpp)
    target_include_directories(read_parquet SYSTEM PRIVATE ${PYARROW}/include)
    target_link_libraries(read_parquet PRIVATE ${ARROW_LIBRARIES} project_warnings)
    set_target_properties(read_parquet PROPERTIES OUTPUT_NAME read-parquet RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/kit
        BUILD_RPATH ${PYARROW})
else()
    message(STATUS "pyarrow is not in .venv: parquet files cannot be read")
endif()
