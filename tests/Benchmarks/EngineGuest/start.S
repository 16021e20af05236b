/* Entered at EL1 with the MMU off: identity map of 1 GiB of devices and 1 GiB of memory, vectors, stack, then main. */

    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    msr     spsel, #1
    adr     x1, vectors
    msr     vbar_el1, x1
    mov     x1, #(3 << 20)                  /* FP and SIMD */
    msr     cpacr_el1, x1
    isb
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  ldr     x1, =level1
    ldr     x2, =0x0060000000000401         /* device block, access flag, no execution */
    str     x2, [x1]
    ldr     x2, =0x40000705                 /* normal block, inner shareable, access flag */
    str     x2, [x1, #8]
    ldr     x9, =0xff04
    msr     mair_el1, x9
    ldr     x9, =(25 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2 << 32))
    msr     tcr_el1, x9
    msr     ttbr0_el1, x1
    dsb     sy
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x9, sctlr_el1
    ldr     x10, =0x1005
    orr     x9, x9, x10
    bic     x9, x9, #2
    msr     sctlr_el1, x9
    isb
    ldr     x1, =stack_top
    mov     sp, x1
    bl      main
    ldr     x0, =0x84000008                 /* PSCI SYSTEM_OFF */
    hvc     #0
3:  b       3b

    .section .text.vectors, "ax"
    .balign 2048
vectors:
    .balign 128
    b       .
    .balign 128
    b       .
    .balign 128
    b       .
    .balign 128
    b       .
    .balign 128                             /* synchronous, EL1 with SP_EL1: SVC does nothing */
    sub     sp, sp, #32
    stp     x0, x1, [sp]
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    lsr     x0, x0, #26
    cmp     x0, #0x15
    b.ne    .
    ldp     x0, x1, [sp]
    add     sp, sp, #32
    eret
    .balign 128
    b       .
    .balign 1024
    b       .

    .section .noinit, "aw", %nobits
    .balign 4096
level1:
    .skip 4096
    .skip 65536
stack_top:
