/* Runs single instructions at EL0 and EL1 and prints what becomes of them; see cases.c. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* What one instruction runs with and leaves behind; start.S knows the offsets. */
struct context {
    uint64_t x[31];
    uint64_t sp_el0;
    uint64_t pc;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t vector; /* offset of the vector that was taken */
};

/* An instruction with its name, from the tables in instructions.S. */
struct instruction {
    char name[24];
    uint32_t word;
    uint32_t unused;
};

extern const struct instruction accesses[], accesses_end[], generators[], generators_end[], registers[], registers_end[];

/* Enters the context by ERET; comes back when it has taken an exception, with what it left. */
void enter(struct context *context);

void print(const char *text);
void print_hex(const char *name, uint64_t value);

/* Tables of one granule (4, 16 or 64 KiB): RAM and devices map to themselves, the rest is as `map` says. */
void use_granule(unsigned kib);
uint64_t *leaf(unsigned page);  /* the descriptor of page 0 to 3 of the window */
uint64_t *table(void);          /* the descriptor of the table that holds them */
void flush(void);
extern unsigned granule_kib;

#define WINDOW 0x100000000ull
#define PAGE_BYTES ((uint64_t)granule_kib * 1024)

#define read_register(name) ({ uint64_t value_; __asm__ volatile("mrs %0, " #name : "=r"(value_)); value_; })
#define write_register(name, value) __asm__ volatile("msr " #name ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

#endif
