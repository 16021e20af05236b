/* Shared declarations of the hello-sve guest. */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory map of QEMU's `virt` board, which CloudVm's board follows. */
#define GICD_BASE 0x08000000UL
#define GICR_BASE 0x080A0000UL
#define UART_BASE 0x09000000UL
#define GPIO_BASE 0x09030000UL
#define RAM_BASE 0x40000000UL
/* The second 2 MiB of RAM, mapped as one block: the arrays of `daxpy` and `smp`. */
#define SCRATCH_BASE 0x40200000UL
#define SCRATCH_SIZE 0x00200000UL

#define INTID_VIRTUAL_TIMER 27u
#define INTID_UART 33u
#define INTID_GPIO 39u

#define MAX_CPUS 64u
#define STACK_BYTES 4096u
#define MAX_VL_BYTES 256u
#define DAXPY_MAX 65536u

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

/* ZCR_EL1 and ID_AA64ZFR0_EL1 by encoding: the files that are compiled without SVE do not know the names. */
#define ZCR_EL1 S3_0_C1_C2_0
#define ID_AA64ZFR0_EL1 S3_0_C0_C4_4

#define READ_SYSREG(name) ({ uint64_t v_; __asm__ volatile("mrs %0, " STRINGIFY(name) : "=r"(v_)); v_; })
#define WRITE_SYSREG(name, value) __asm__ volatile("msr " STRINGIFY(name) ", %0" ::"r"((uint64_t)(value)) : "memory")
#define ISB() __asm__ volatile("isb" ::: "memory")
#define DSB() __asm__ volatile("dsb sy" ::: "memory")
#define WFI() __asm__ volatile("wfi" ::: "memory")

static inline void mmio_write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline uint32_t mmio_read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void mmio_write64(uint64_t address, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline uint64_t mmio_read64(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

/* text.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool text_equal(const char *a, const char *b);
bool parse_number(const char *text, uint64_t *value);

/* uart.c */
void uart_init(void);
void uart_enable_receive(void);
void uart_put(char c);
void uart_interrupt(void);
/* Sleeps in WFI until a character is there. Call with IRQs enabled. */
char uart_get(void);

/* mmu.c */
void mmu_build(void);
/* Turns the MMU and caches on for the calling CPU, on the tables that mmu_build made (start.S). */
void mmu_enable(void);

/* gic.c */
bool gic_init(void);
uint64_t gic_spurious(void);
void irq_handler(void);

/* timer.c */
void timer_start(uint32_t hertz);
void timer_interrupt(void);
uint64_t timer_ticks(void);
uint64_t counter(void);

/* exception.c */
struct caught {
    uint64_t esr, elr, far;
    uint32_t count;
};
/* Until fault_disarm, a synchronous exception is recorded and the instruction that raised it is skipped. */
void fault_arm(void);
struct caught fault_disarm(void);
uint32_t exception_class(uint64_t esr);

/* button.c */
void button_enable(void);
void button_interrupt(void);

/* psci.c */
int64_t psci_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
#define PSCI_VERSION 0x84000000UL
#define PSCI_CPU_OFF 0x84000002UL
#define PSCI_CPU_ON 0xC4000003UL
#define PSCI_SYSTEM_OFF 0x84000008UL
#define PSCI_SYSTEM_RESET 0x84000009UL

/* cpu.c */
bool sve_present(void);
void vector_enable(void);
/* Selects ZCR_EL1.LEN and returns the vector length in bits that the CPU then has. */
uint32_t sve_set_len(uint32_t len);
uint32_t sve_len(void);
/* The current vector length in bits; 0 without SVE. */
uint32_t sve_bits(void);
void print_id_registers(void);
void print_vector_lengths(void);

/* kernels.c (SVE) and scalar.c (without): self-checking computations. */
struct kernel_result {
    bool ok;
    const char *what;
    uint64_t expected, actual, index;
};
struct kernel_result sve_daxpy(double *x, double *y, uint64_t n);
struct kernel_result scalar_daxpy(double *x, double *y, uint64_t n);
struct kernel_result sve_strlen_check(char *edge, uint64_t *lengths, uint64_t *suppressed);
struct kernel_result sve_first_fault_check(const char *hole, struct caught *caught);
struct kernel_result sve_reduce(uint64_t n);
bool report(const char *name, const struct kernel_result *result);

/* sentinel.c: register values that stay loaded between commands. */
void sentinel_mix(const char *text);
void sentinel_load(void);
void sentinel_print(void);

/* smp.c */
void smp_check(void);
void secondary_main(uint64_t cpu) __attribute__((noreturn));

/* prompt.c */
void prompt_run(void) __attribute__((noreturn));

/* selftest.c */
bool run_daxpy(uint64_t n);
void selftest_with_mmu_off(void);
void selftest_with_mmu_on(void);

/* start.S */
/* Page boundaries from hello.lds. */
typedef char page_address[] __attribute__((aligned(4096)));
extern page_address __image_start, __text_end, __rodata_end, __hole_page;
extern char __image_end[];
extern uint64_t page_table_l1[512];
void secondary_start(void);
uint32_t sve_vector_bytes(void);
void sve_state_load(const void *z, const void *p, const void *ffr);
void sve_state_store(void *z, void *p, void *ffr);
void simd_state_load(const void *v);
void simd_state_store(void *v);

#endif
