/*
 * The table of cases. One line for each: what runs, and the exception that ended it. Every case ends in one, since a BRK follows
 * the instruction.
 */
#include "guest.h"

uint32_t target[16384] __attribute__((aligned(65536)));
uint32_t slot[16384] __attribute__((aligned(65536)));

static volatile uint32_t *const uart = (volatile uint32_t *)0x09000000;

static void put(char c)
{
    while (uart[0x18 / 4] & (1 << 5))
        ;
    uart[0] = (uint8_t)c;
}

void print(const char *text)
{
    while (*text)
        put(*text++);
}

void print_hex(const char *name, uint64_t value)
{
    char digits[17];
    int n = 16;
    digits[16] = 0;
    do {
        digits[--n] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    print(name);
    print(digits + n);
}

const char *prefix = "";
uint64_t address;
uint32_t landing = FILLER;

uint64_t slot_address(uint64_t spsr) { return WINDOW + (spsr & 0xc ? 2 : 3) * PAGE_BYTES; }

static void clean(void *code)
{
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" : : "r"(code) : "memory");
}

static void refill(void)
{
    for (int i = 0; i < 64; i++)
        target[i] = target[PAGE_BYTES / 4 - 64 + i] = FILLER;
    if (landing != FILLER) {
        target[8] = landing;
        clean(&target[8]);
    }
}

void map_slots(uint64_t bits)
{
    *leaf(2) = (uint64_t)slot | VALID | AF | INNER | UXN | bits;
    *leaf(3) = (uint64_t)slot | VALID | AF | INNER | AP(3) | PXN | bits;
    flush();
}

void map(uint64_t bits)
{
    *leaf(0) = bits ? (uint64_t)target | bits : 0;
    flush();
}

void run(const char *name, uint32_t first, uint32_t second, uint64_t spsr)
{
    static struct context c;
    slot[0] = first;
    slot[1] = second;
    slot[2] = BRK;
    uint64_t pc = slot_address(spsr);
    for (int i = 0; i < 3; i++)
        clean(&slot[i]);
    flush();
    refill();
    for (int i = 0; i < 31; i++)
        c.x[i] = 0x1111111111111111ull * (i % 16);
    c.x[0] = 0;
    c.x[1] = c.x[16] = c.x[17] = address;
    c.x[2] = 0xfedcba9876543210ull;
    c.x[3] = FILLER | (uint64_t)FILLER << 32;
    c.sp_el0 = address & ~15ull;
    c.pc = pc;
    c.spsr = spsr;
    enter(&c);
    print(prefix);
    print(name);
    print_hex(": v", c.vector);
    print_hex(" esr=", c.esr);
    uint64_t class = c.esr >> 26 & 63;
    if (class == 0x20 || class == 0x21 || class == 0x22 || class == 0x24 || class == 0x25 || class == 0x34 || class == 0x35)
        print_hex(" far=", c.far);
    print_hex(" elr=", c.pc - pc < 64 ? c.pc - pc : c.pc);
    print_hex(" spsr=", c.spsr);
    if (c.x[0])
        print_hex(" x0=", c.x[0]);
    if (c.x[1] != address)
        print_hex(" x1=", c.x[1]);
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++)
        sum = sum * 31 + (target[i] ^ FILLER) + (target[PAGE_BYTES / 4 - 64 + i] ^ FILLER);
    if (sum)
        print_hex(" memory=", sum);
}

void end(void) { print("\n"); }

static const struct { const char *name; uint64_t spsr; } levels[] = {
    { "el1 ", EL1H }, { "el1+pan ", EL1H | PAN }, { "el1+uao ", EL1H | UAO }, { "el0 ", EL0 },
};

void all_accesses(const char *what)
{
    for (unsigned level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        for (const struct instruction *i = accesses; i != accesses_end; i++) {
            write_register(par_el1, 0);
            prefix = what;
            print(levels[level].name);
            run(i->name, i->word, BRK, levels[level].spsr);
            if (i->name[0] == 'a' && i->name[1] == 't')
                print_hex(" par=", read_register(par_el1));
            end();
        }
    }
}

static const struct { const char *name; uint64_t bits; } leaves[] = {
    { "el1-rw ", VALID | AF | INNER | AP(0) },
    { "el1-ro ", VALID | AF | INNER | AP(2) },
    { "all-rw ", VALID | AF | INNER | AP(1) },
    { "all-ro ", VALID | AF | INNER | AP(3) },
    { "no-exec ", VALID | AF | INNER | AP(3) | UXN | PXN },
    { "el0-exec ", VALID | AF | INNER | AP(3) | PXN },
    { "el1-exec ", VALID | AF | INNER | AP(2) | UXN },
    { "no-af ", VALID | INNER | AP(1) },
    { "dbm ", VALID | AF | INNER | AP(3) | DBM },
    { "invalid ", 0 },
    { "reserved ", 1 | AF | INNER | AP(1) },
    { "non-cacheable ", VALID | AF | AP(1) | ATTRIBUTE(2) },
    { "address-size ", VALID | AF | INNER | AP(1) | 1ull << 44 },
};


static void permissions(void)
{
    address = WINDOW + 0x20;
    for (unsigned i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
        map(leaves[i].bits);
        all_accesses(leaves[i].name);
    }
    /* The slot is reached through the same table, so the target moves to one of its own: an address far away has none. */
    address = WINDOW << 1;
    all_accesses("no-table ");
    address = 0xffff000000000000ull;
    all_accesses("ttbr1-disabled ");
    address = 0x0080000000000000ull;
    all_accesses("gap ");
}


static void alignment(void)
{
    static const struct { const char *name; unsigned offset; int from_end; } places[] = {
        { "offset-1 ", 1, 0 }, { "offset-4 ", 4, 0 }, { "offset-18 ", 0x18, 0 }, { "crossing ", 4, 1 }, { "crossing-1 ", 1, 1 },
    };
    uint64_t sctlr = read_register(sctlr_el1);
    map(VALID | AF | INNER | AP(1));
    for (int strict = 0; strict < 2; strict++) {
        for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
            address = places[i].from_end ? WINDOW + PAGE_BYTES - places[i].offset : WINDOW + places[i].offset;
            write_register(sctlr_el1, sctlr | strict << 1);
            print(strict ? "strict " : "");
            all_accesses(places[i].name);
            write_register(sctlr_el1, sctlr);
        }
    }
}

static void hardware_flags(void)
{
    static const struct { const char *name; uint64_t tcr, bits; } cases[] = {
        { "ha no-af ", 1ull << 39, VALID | INNER | AP(1) },
        { "ha+hd no-af ", 3ull << 39, VALID | INNER | AP(3) | DBM },
        { "ha+hd clean ", 3ull << 39, VALID | AF | INNER | AP(3) | DBM },
        { "ha+hd clean-el1 ", 3ull << 39, VALID | AF | INNER | AP(2) | DBM },
    };
    uint64_t tcr = read_register(tcr_el1);
    address = WINDOW + 0x20;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_register(tcr_el1, tcr | cases[i].tcr);
        for (unsigned level = 0; level < sizeof levels / sizeof levels[0]; level++) {
            for (const struct instruction *j = accesses; j != accesses_end; j++) {
                map(cases[i].bits);
                prefix = cases[i].name;
                print(levels[level].name);
                run(j->name, j->word, BRK, levels[level].spsr);
                print_hex(" leaf=", *leaf(0) - (uint64_t)target);
                end();
            }
        }
        write_register(tcr_el1, tcr);
        flush();
    }
}

static void generator_cases(const char *what)
{
    static const struct { const char *name; uint64_t spsr; } modes[] = { { "el1h ", EL1H }, { "el1t ", EL1T }, { "el0 ", EL0 } };
    for (unsigned mode = 0; mode < sizeof modes / sizeof modes[0]; mode++) {
        for (const struct instruction *i = generators; i != generators_end; i++) {
            uint64_t cpacr = read_register(cpacr_el1);
            prefix = what;
            print(modes[mode].name);
            run(i->name, i->word, BRK, modes[mode].spsr);
            end();
            write_register(cpacr_el1, cpacr);
        }
    }
}

static void generated(void)
{
    uint64_t sctlr = read_register(sctlr_el1);
    address = WINDOW + 0x20;
    map(VALID | AF | INNER | AP(1));
    static const char *const names[] = { "cpacr-0 ", "cpacr-el1 ", "cpacr-2 ", "cpacr-all " };
    for (uint64_t fpen = 0; fpen < 4; fpen++) {
        write_register(cpacr_el1, fpen << 20 | fpen << 16);
        generator_cases(names[fpen]);
    }
    write_register(cpacr_el1, 3 << 20);
    generator_cases("cpacr-fp-only ");
    write_register(cpacr_el1, 3 << 16);
    generator_cases("cpacr-sve-only ");
    write_register(cpacr_el1, 3 << 20 | 3 << 16);
    write_register(sctlr_el1, sctlr & ~(1ull << 14 | 1ull << 15 | 1ull << 26));
    generator_cases("sctlr-no-el0 ");
    write_register(sctlr_el1, sctlr | 1 << 9);
    generator_cases("sctlr-uma ");
    write_register(sctlr_el1, sctlr);
}

static void register_cases(void)
{
    static const struct { const char *name; uint64_t spsr; } modes[] = { { "el1h ", EL1H }, { "el1t ", EL1T }, { "el0 ", EL0 } };
    uint64_t mair = read_register(mair_el1);
    for (unsigned mode = 0; mode < sizeof modes / sizeof modes[0]; mode++) {
        for (const struct instruction *i = registers; i != registers_end; i++) {
            int write = i->name[1] == 's';
            int paired = write && i != registers && i[-1].name[1] == 'r' && i[-1].name[4] == i->name[4] && i[-1].name[5] == i->name[5];
            prefix = "";
            print(modes[mode].name);
            run(i->name, i->word, paired ? i[-1].word : BRK, modes[mode].spsr);
            end();
            write_register(mair_el1, mair);
            write_register(s3_0_c1_c2_0, 0);
        }
    }
}

static void stack_and_pc(void)
{
    const uint32_t ldr_sp = 0xf94003e0, nop = 0xd503201f;
    map(VALID | AF | INNER | AP(1));
    address = WINDOW + 0x20;
    prefix = "";
    static struct context c;
    for (int mode = 0; mode < 2; mode++) {
        uint64_t spsr = mode ? EL0 : EL1T;
        slot[0] = ldr_sp;
        slot[1] = BRK;
        flush();
        for (int pc = 0; pc < 2; pc++) {
            c.sp_el0 = address + (pc ? 0 : 8);
            c.pc = slot_address(spsr) + (pc ? 2 : 0);
            c.spsr = spsr;
            enter(&c);
            print(pc ? "misaligned-pc" : "misaligned-sp");
            print_hex(": v", c.vector);
            print_hex(" esr=", c.esr);
            print_hex(" elr=", c.pc);
            print_hex(" spsr=", c.spsr);
            if (pc)
                print_hex(" far=", c.far);
            end();
        }
    }
    run("illegal-el2", nop, BRK, 0x3c9);
    end();
    run("illegal-el3", nop, BRK, 0x3cd);
    end();
    run("illegal-bit1", nop, BRK, 0x3c6);
    end();
    run("il-set el1", nop, BRK, EL1H | 1 << 20);
    end();
    run("il-set el0", nop, BRK, EL0 | 1 << 20);
    end();
}

static void debug(void)
{
    const uint32_t nop = 0xd503201f, svc = 0xd4000001, ldr = 0xf9400020, str = 0xf9000022;
    map(VALID | AF | INNER | AP(1));
    address = WINDOW + 0x20;
    prefix = "debug ";
    write_register(s2_0_c1_c0_4, 0); /* OSLAR_EL1 */
    write_register(mdscr_el1, 1);
    run("step el0", nop, BRK, EL0 | STEP);
    end();
    run("step-pending el0", nop, BRK, EL0);
    end();
    run("step-svc el0", svc, BRK, EL0 | STEP);
    end();
    run("step-ldr el0", ldr, BRK, EL0 | STEP);
    end();
    run("step el1-no-kde", nop, BRK, EL1H | STEP);
    end();
    write_register(mdscr_el1, 1 | 1 << 13);
    run("step el1-kde-masked", nop, BRK, EL1H | STEP);
    end();
    run("step el1-kde", nop, BRK, (EL1H | STEP) & ~0x200ull);
    end();
    write_register(mdscr_el1, 1 << 15);
    write_register(dbgbvr0_el1, slot_address(EL0));
    write_register(dbgbcr0_el1, 1 | 2 << 1 | 0xf << 5);
    run("breakpoint el0", nop, BRK, EL0);
    end();
    run("breakpoint el1", nop, BRK, EL1H);
    end();
    write_register(dbgbcr0_el1, 0);
    write_register(dbgwvr0_el1, WINDOW + 0x20);
    for (uint64_t kind = 1; kind < 4; kind++) {
        write_register(dbgwcr0_el1, 1 | 2 << 1 | kind << 3 | 0xff << 5);
        print_hex("kind ", kind);
        run(" watch-ldr el0", ldr, BRK, EL0);
        end();
        print_hex("kind ", kind);
        run(" watch-str el0", str, BRK, EL0);
        end();
        print_hex("kind ", kind);
        run(" watch-ldr el1", ldr, BRK, EL1H);
        end();
    }
    write_register(dbgwcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

int main(void)
{
    static const unsigned granules[] = { 4, 16, 64 };
    static const char *const names[] = { "# 4 KiB\n", "# 16 KiB\n", "# 64 KiB\n" };
    write_register(cpacr_el1, 3 << 20 | 3 << 16);
    /* UNKNOWN after reset. */
    write_register(tpidr_el0, 0);
    write_register(tpidrro_el0, 0);
    write_register(tpidr_el1, 0);
    write_register(contextidr_el1, 0);
    write_register(afsr0_el1, 0);
    write_register(afsr1_el1, 0);
    write_register(csselr_el1, 0);
    for (unsigned i = 0; i < 3; i++) {
        use_granule(granules[i]);
        print(names[i]);
        map_slots(0);
        permissions();
        alignment();
        hardware_flags();
        spaces();
        if (i == 0) {
            generated();
            register_cases();
            stack_and_pc();
            debug();
            branches();
        }
    }
    print("# end\n");
    return 0;
}
