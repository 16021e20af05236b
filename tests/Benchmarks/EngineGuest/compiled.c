/* Loops as a compiler makes them. */
#include "guest.h"

static uint32_t values[1024];
static uint8_t window[8192];

static void sift(uint32_t *heap, unsigned root, unsigned count)
{
    for (;;) {
        unsigned child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[root] >= heap[child])
            return;
        uint32_t swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
        root = child;
    }
}

/* Heap sort of 1,024 random numbers. */
void k_sort(uint64_t rounds)
{
    uint32_t random = 1;
    while (rounds-- != 0) {
        for (unsigned i = 0; i < 1024; i++) {
            random = random * 1664525u + 1013904223u;
            values[i] = random >> 8;
        }
        for (unsigned i = 512; i-- > 0;)
            sift(values, i, 1024);
        for (unsigned i = 1023; i > 0; i--) {
            uint32_t swap = values[0];
            values[0] = values[i];
            values[i] = swap;
            sift(values, 0, i);
        }
    }
}

/* Greedy match search in 8 KiB, as compressors do. */
void k_match(uint64_t rounds)
{
    static uint16_t head[1024];
    while (rounds-- != 0) {
        for (unsigned i = 0; i < sizeof window; i++)
            window[i] = (uint8_t)((i * i) >> 5 & 15);
        unsigned matched = 0;
        for (unsigned i = 0; i + 4 < sizeof window;) {
            unsigned hash = (window[i] * 131u + window[i + 1] * 31u + window[i + 2]) & 1023;
            unsigned candidate = head[hash], length = 0;
            head[hash] = (uint16_t)i;
            if (candidate < i)
                while (i + length < sizeof window && length < 255 && window[candidate + length] == window[i + length])
                    length++;
            matched += length;
            i += length >= 3 ? length : 1;
        }
        values[0] += matched;
    }
}

/* A hash over 8 KiB by bytes and rotations. */
void k_hash(uint64_t rounds)
{
    uint32_t a = 1, b = 2;
    while (rounds-- != 0)
        for (unsigned i = 0; i < sizeof window; i++) {
            a = (a ^ window[i]) * 16777619u;
            b = (b << 5 | b >> 27) + (a >> 7 & 0xff);
        }
    values[1] = a + b;
}
