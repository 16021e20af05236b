/* Text output and parsing: the few pieces of a C library that the guest needs. */
#include "hello.h"

#include <stdarg.h>

static void put_number(uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[24];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (width > count) {
        uart_put(pad);
        width--;
    }
    while (count != 0)
        uart_put(digits[--count]);
}

/* Knows %s, %c, %lu, %lx with an optional zero-padded width, and %%. */
void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    for (const char *p = format; *p != '\0'; p++) {
        if (*p == '\n')
            uart_put('\r');
        if (*p != '%') {
            uart_put(*p);
            continue;
        }
        unsigned width = 0;
        char pad = ' ';
        p++;
        if (*p == '0')
            pad = '0';
        for (; *p >= '0' && *p <= '9'; p++)
            width = width * 10 + (unsigned)(*p - '0');
        if (*p == 'l')
            p++;
        switch (*p) {
        case 's':
            for (const char *s = va_arg(arguments, const char *); *s != '\0'; s++)
                uart_put(*s);
            break;
        case 'c':
            uart_put((char)va_arg(arguments, int));
            break;
        case 'u':
            put_number(va_arg(arguments, uint64_t), 10, width, pad);
            break;
        case 'x':
            put_number(va_arg(arguments, uint64_t), 16, width, pad);
            break;
        default:
            uart_put(*p);
            break;
        }
    }
    va_end(arguments);
}

bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Decimal, no sign, nothing after it; at most 9 digits so that it cannot overflow. */
bool parse_number(const char *text, uint64_t *value)
{
    uint64_t result = 0;
    unsigned digits = 0;

    for (; *text >= '0' && *text <= '9'; text++, digits++)
        result = result * 10 + (uint64_t)(*text - '0');
    *value = result;
    return *text == '\0' && digits >= 1 && digits <= 9;
}

/* gcc may call these for loops and assignments even in freestanding code. */
void *memset(void *to, int value, size_t size)
{
    volatile char *p = to;

    while (size-- != 0)
        *p++ = (char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    volatile char *p = to;
    const char *q = from;

    while (size-- != 0)
        *p++ = *q++;
    return to;
}
