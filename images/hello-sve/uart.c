/* PL011: polled output, interrupt-driven input. */
#include "hello.h"

enum {
    UARTDR = 0x000,
    UARTFR = 0x018,
    UARTLCR_H = 0x02C,
    UARTCR = 0x030,
    UARTIMSC = 0x038,
    UARTICR = 0x044,
};

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define INT_RX (1u << 4)
#define INT_RX_TIMEOUT (1u << 6)

#define RING_BYTES 128u

static volatile char ring[RING_BYTES];
static volatile uint32_t ring_head, ring_tail;
static volatile bool receive_masked;

void uart_init(void)
{
    mmio_write32(UART_BASE + UARTCR, 0);
    mmio_write32(UART_BASE + UARTICR, 0x7ff);
    mmio_write32(UART_BASE + UARTLCR_H, 0x70);  /* 8 bits, FIFOs on */
    mmio_write32(UART_BASE + UARTCR, 0x301);    /* enable, transmit, receive */
}

void uart_enable_receive(void)
{
    receive_masked = false;
    mmio_write32(UART_BASE + UARTIMSC, INT_RX | INT_RX_TIMEOUT);
}

void uart_put(char c)
{
    while ((mmio_read32(UART_BASE + UARTFR) & FR_TXFF) != 0)
        ;
    mmio_write32(UART_BASE + UARTDR, (uint8_t)c);
}

/* With the ring full the interrupt is masked, so the FIFO and then the sender hold what follows. */
void uart_interrupt(void)
{
    while ((mmio_read32(UART_BASE + UARTFR) & FR_RXFE) == 0) {
        if (ring_head - ring_tail == RING_BYTES) {
            mmio_write32(UART_BASE + UARTIMSC, 0);
            receive_masked = true;
            break;
        }
        ring[ring_head % RING_BYTES] = (char)mmio_read32(UART_BASE + UARTDR);
        ring_head++;
    }
    mmio_write32(UART_BASE + UARTICR, INT_RX | INT_RX_TIMEOUT);
}

char uart_get(void)
{
    /* IRQs are masked between the test and WFI, which still wakes for a pending one: no character can be slept through. */
    __asm__ volatile("msr daifset, #2" ::: "memory");
    while (ring_head == ring_tail) {
        WFI();
        __asm__ volatile("msr daifclr, #2\n\tisb\n\tmsr daifset, #2" ::: "memory");
    }
    char c = ring[ring_tail % RING_BYTES];
    ring_tail++;
    if (receive_masked)
        uart_enable_receive();
    __asm__ volatile("msr daifclr, #2" ::: "memory");
    return c;
}
