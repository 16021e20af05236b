/* Branches to landing pads and elsewhere, in guarded pages and not (FEAT_BTI). */
#include "guest.h"

static const struct { const char *name; uint64_t spsr; } modes[] = { { "el1 ", EL1H }, { "el0 ", EL0 } };

static void begin(const char *control, const char *mode, const char *instruction)
{
    print("bti ");
    print(control);
    print(mode);
    print(instruction);
    print(" by ");
}

static void to_landings(const char *control, const char *way, const struct instruction *jump)
{
    prefix = way;
    for (unsigned mode = 0; mode < sizeof modes / sizeof modes[0]; mode++) {
        for (const struct instruction *i = landings; i != landings_end; i++) {
            landing = i->word;
            begin(control, modes[mode].name, i->name);
            run(jump->name, jump->word, i->word, modes[mode].spsr);
            end();
        }
    }
    landing = FILLER;
}

/* An exception return sets BTYPE at will. */
static void by_return(const char *control, const char *way)
{
    static const char *const names[] = { "eret-0", "eret-1", "eret-2", "eret-3" };
    prefix = way;
    for (unsigned mode = 0; mode < sizeof modes / sizeof modes[0]; mode++) {
        for (const struct instruction *i = landings; i != landings_end; i++) {
            for (uint64_t type = 0; type < 4; type++) {
                begin(control, modes[mode].name, i->name);
                run(names[type], i->word, BRK, modes[mode].spsr | type << 10);
                end();
            }
        }
    }
}

void branches(void)
{
    static const struct { const char *name; uint64_t sctlr; } controls[] = {
        { "", 0 }, { "bt0 ", 1ull << 35 }, { "bt1 ", 1ull << 36 },
    };
    static const char *const ways[] = { "", "to-guarded ", "from-guarded ", "guarded " };
    uint64_t sctlr = read_register(sctlr_el1);
    address = WINDOW + 0x20;
    for (unsigned control = 0; control < sizeof controls / sizeof controls[0]; control++) {
        write_register(sctlr_el1, sctlr | controls[control].sctlr);
        for (unsigned way = 0; way < 4; way++) {
            map_slots(way & 2 ? GP : 0);
            map(VALID | AF | INNER | AP(3) | (way & 1 ? GP : 0));
            for (const struct instruction *jump = jumps; jump != jumps_end; jump++)
                to_landings(controls[control].name, ways[way], jump);
            if (!(way & 1))
                by_return(controls[control].name, ways[way]);
        }
    }
    write_register(sctlr_el1, sctlr);
    map_slots(0);
}
