"""What all stores of a process share, so that their memory does not grow with their number."""

from __future__ import annotations

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, WriteBufferManager

CACHE_BYTES = 96 << 20
"""Blocks, indexes and filters that were read, and the write buffers."""
WRITE_BUFFERS_BYTES = 48 << 20
"""The part of it that may hold what is not in a table file yet."""
WAL_BYTES = 64 << 20
"""A store's log is read again when it is opened: about a second at most."""
BLOOM_BITS = 10
"""A key: one in a hundred that are not there is looked for in vain."""
MOST_FILES = 128
"""Of one store, open at once; many systems allow a process 1,024."""


class SharedMemory:
    """One block cache and one bound on write buffers for all stores made with these options."""

    def __init__(self, cache_bytes: int = CACHE_BYTES, write_buffers_bytes: int = WRITE_BUFFERS_BYTES) -> None:
        self._cache = Cache(cache_bytes)
        # Buffers count as blocks. Over the bound they are written out; writers are not made to wait.
        self._buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            write_buffers_bytes, allow_stall=False, cache=self._cache
        )

    def options(self) -> Options:
        """Of a store, and of each of its column families."""
        tables = BlockBasedOptions()
        tables.set_block_cache(self._cache)
        tables.set_bloom_filter(BLOOM_BITS, block_based=False)
        tables.set_cache_index_and_filter_blocks(True)
        tables.set_pin_l0_filter_and_index_blocks_in_cache(True)
        options = Options(raw_mode=True)
        options.set_block_based_table_factory(tables)
        options.set_write_buffer_manager(self._buffers)
        options.set_arena_block_size(128 << 10)  # by default a megabyte, for each column family that is written to
        options.set_compression_type(DBCompressionType.lz4())
        # All column families go into table files together: these then hold one state also where the log is lost.
        options.set_atomic_flush(True)
        options.set_max_total_wal_size(WAL_BYTES)
        options.set_max_background_jobs(2)
        options.set_max_open_files(MOST_FILES)
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(1 << 20)
        options.set_stats_dump_period_sec(0)
        options.set_stats_persist_period_sec(0)
        return options
