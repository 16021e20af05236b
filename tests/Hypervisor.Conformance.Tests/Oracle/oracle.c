/*
 * Runs single A64 instructions under whatever executes this program (qemu-aarch64) and records what they do.
 *
 * Usage: oracle INPUT OUTPUT. Both files are sequences of fixed-size records, described by `struct file_header` and
 * `struct fixed_part`. All register state enters and leaves through signal frames: the instruction stands in a page
 * full of BRK, so it ends in SIGTRAP (or in the signal of its fault), whose handler saves the state and returns into
 * the next case.
 */
#define _GNU_SOURCE
#include <asm/sigcontext.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SVE_SET_VL
#define PR_SVE_SET_VL 50
#endif

#define BRK 0xd4200000u

struct file_header {
    uint32_t magic;
    uint32_t vector_bytes; /* 16 to 256 */
    uint32_t count;
    uint32_t scratch_bytes;
    uint64_t code_base; /* code_bytes of BRK around the slot */
    uint64_t code_bytes;
    uint64_t slot;
    uint64_t scratch_base;
};

/* Followed by Z0-Z31 (vector_bytes each), P0-P15 and FFR (vector_bytes / 8 each). */
struct fixed_part {
    uint64_t x[31];
    uint64_t sp;
    uint64_t pc;          /* out: where execution stopped */
    uint64_t fault;       /* out: si_addr of a memory fault */
    uint64_t memory_hash; /* out: of what the instruction changed */
    uint32_t word;        /* in: the instruction */
    uint32_t outcome;     /* out: the signal; SIGTRAP is success */
    uint32_t nzcv;
    uint32_t fpcr;
    uint32_t fpsr;
    uint32_t uses_memory; /* in: look at scratch memory afterwards */
};

static struct file_header header;
static uint8_t *inputs, *outputs, *pristine;
static size_t record_bytes;
static uint32_t current;
static int started;

static struct fixed_part *record(uint8_t *base, uint32_t index)
{
    return (struct fixed_part *)(base + record_bytes * index);
}

/* Hashes offset and value of every changed word of the scratch memory, and undoes the changes. */
static uint64_t take_changes(void)
{
    enum { CHUNK = 1024 };
    uint8_t *memory = (uint8_t *)header.scratch_base;
    uint64_t hash = 0;
    for (uint64_t chunk = 0; chunk < header.scratch_bytes; chunk += CHUNK) {
        if (memcmp(memory + chunk, pristine + chunk, CHUNK) == 0)
            continue;
        for (uint64_t at = chunk; at < chunk + CHUNK; at += 8) {
            uint64_t before, after;
            memcpy(&before, pristine + at, 8);
            memcpy(&after, memory + at, 8);
            if (before == after)
                continue;
            hash = (((hash ^ at) * 0x100000001b3u) ^ after) * 0x100000001b3u;
            hash ^= hash >> 29;
            memcpy(memory + at, &before, 8);
        }
    }
    return hash;
}

static struct _aarch64_ctx *find(ucontext_t *context, uint32_t magic)
{
    struct _aarch64_ctx *head = (struct _aarch64_ctx *)context->uc_mcontext.__reserved;
    while (head->magic != 0) {
        if (head->magic == magic)
            return head;
        if (head->magic == EXTRA_MAGIC) {
            /* What does not fit the frame, as long vectors, lies elsewhere; it is the last record here. */
            head = (struct _aarch64_ctx *)((struct extra_context *)head)->datap;
            continue;
        }
        head = (struct _aarch64_ctx *)((char *)head + head->size);
    }
    return NULL;
}

static void die(const char *what)
{
    fprintf(stderr, "oracle: %s\n", what);
    _exit(2);
}

/* Copies vector state between a record and the frame: all Z, then all P and FFR, laid out alike on both sides. */
static void move_vectors(ucontext_t *context, struct fixed_part *r, int save)
{
    struct fpsimd_context *fp = (struct fpsimd_context *)find(context, FPSIMD_MAGIC);
    struct sve_context *sve = (struct sve_context *)find(context, SVE_MAGIC);
    uint32_t vl = header.vector_bytes, vq = vl / 16;
    uint8_t *z = (uint8_t *)(r + 1), *p = z + 32 * vl;
    if (!fp || !sve || sve->vl != vl || sve->head.size < SVE_SIG_CONTEXT_SIZE(vq))
        die("the signal frame has no SVE state of the wanted length");
    for (int i = 0; i < 32; i++) {
        uint8_t *frame = (uint8_t *)sve + SVE_SIG_ZREG_OFFSET(vq, i);
        if (save) {
            memcpy(z + i * vl, frame, vl);
        } else {
            memcpy(frame, z + i * vl, vl);
            memcpy(&fp->vregs[i], z + i * vl, 16);
        }
    }
    for (int i = 0; i < 17; i++) {
        uint8_t *frame = (uint8_t *)sve + SVE_SIG_PREG_OFFSET(vq, i);
        if (save)
            memcpy(p + i * (vl / 8), frame, vl / 8);
        else
            memcpy(frame, p + i * (vl / 8), vl / 8);
    }
    if (save) {
        r->fpcr = fp->fpcr;
        r->fpsr = fp->fpsr;
    } else {
        fp->fpcr = r->fpcr;
        fp->fpsr = r->fpsr;
    }
}

static void finish(void);

static void on_signal(int number, siginfo_t *info, void *raw)
{
    ucontext_t *context = raw;
    mcontext_t *m = &context->uc_mcontext;
    if (started) {
        struct fixed_part *out = record(outputs, current), *in = record(inputs, current);
        memcpy(out->x, m->regs, sizeof out->x);
        out->sp = m->sp;
        out->pc = m->pc;
        out->word = in->word;
        out->uses_memory = in->uses_memory;
        out->outcome = number;
        out->fault = number == SIGSEGV || number == SIGBUS ? (uint64_t)info->si_addr : 0;
        out->nzcv = m->pstate & 0xf0000000u;
        move_vectors(context, out, 1);
        out->memory_hash = in->uses_memory ? take_changes() : 0;
        current++;
    }
    started = 1;
    if (current == header.count)
        finish();

    struct fixed_part *in = record(inputs, current);
    *(volatile uint32_t *)header.slot = in->word;
    __builtin___clear_cache((char *)header.slot, (char *)header.slot + 4);
    memcpy(m->regs, in->x, sizeof in->x);
    m->sp = in->sp;
    m->pc = header.slot;
    m->pstate = (m->pstate & ~0xf0000000u) | in->nzcv;
    move_vectors(context, in, 0);
}

static const char *output_path;

static void finish(void)
{
    FILE *out = fopen(output_path, "wb");
    if (!out || fwrite(outputs, record_bytes, header.count, out) != header.count || fclose(out))
        die("cannot write the output");
    _exit(0);
}

static void map_fixed(uint64_t address, uint64_t bytes, int protection)
{
    void *wanted = (void *)address;
    if (mmap(wanted, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != wanted)
        die("cannot map at the wanted address");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: oracle INPUT OUTPUT");
    FILE *in = fopen(argv[1], "rb");
    if (!in || fread(&header, sizeof header, 1, in) != 1 || header.magic != 0x314d5643)
        die("no valid input");
    if (prctl(PR_SVE_SET_VL, header.vector_bytes) != (int)header.vector_bytes)
        die("this CPU has not the wanted vector length");
    output_path = argv[2];
    record_bytes = sizeof(struct fixed_part) + 32 * header.vector_bytes + 17 * (header.vector_bytes / 8);
    record_bytes = (record_bytes + 7) & ~(size_t)7;
    inputs = malloc(record_bytes * header.count);
    outputs = calloc(record_bytes, header.count);
    pristine = malloc(header.scratch_bytes);
    if (fread(pristine, header.scratch_bytes, 1, in) != 1 || fread(inputs, record_bytes, header.count, in) != header.count)
        die("short input");

    map_fixed(header.code_base, header.code_bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (uint64_t at = header.code_base; at < header.code_base + header.code_bytes; at += 4)
        *(uint32_t *)at = BRK;
    map_fixed(header.scratch_base, header.scratch_bytes, PROT_READ | PROT_WRITE);
    memcpy((void *)header.scratch_base, pristine, header.scratch_bytes);

    static uint8_t stack[1 << 16];
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alternate, NULL);
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigfillset(&action.sa_mask);
    int numbers[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);

    alarm(300); /* an instruction that never ends must not hang the test */

    /* SVE must have been used for its state to be in the frame. */
    __asm__ volatile(".arch armv8.2-a+sve\n\tptrue p0.b\n\tbrk #0" ::: "memory");
    return 1;
}
