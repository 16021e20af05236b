/* Entry at EL1, the vectors, and the way into a context and back. */

    .arch armv8.2-a+sve
    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    msr     spsel, #1
    ldr     x1, =stack_top
    mov     sp, x1
    adr     x1, vectors
    msr     vbar_el1, x1
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  isb
    bl      main
    /* PSCI SYSTEM_OFF */
    ldr     x0, =0x84000008
    hvc     #0
3:  wfi
    b       3b

    .global enter
enter:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    ldr     x1, =current
    str     x0, [x1]
    mov     x1, sp
    ldr     x2, =resume
    str     x1, [x2]
    ldr     x1, [x0, #31 * 8]
    msr     sp_el0, x1
    ldr     x1, [x0, #32 * 8]
    msr     elr_el1, x1
    ldr     x1, [x0, #33 * 8]
    msr     spsr_el1, x1
    ldp     x2, x3, [x0, #16]
    ldp     x4, x5, [x0, #32]
    ldp     x6, x7, [x0, #48]
    ldp     x8, x9, [x0, #64]
    ldp     x10, x11, [x0, #80]
    ldp     x12, x13, [x0, #96]
    ldp     x14, x15, [x0, #112]
    ldp     x16, x17, [x0, #128]
    ldp     x18, x19, [x0, #144]
    ldp     x20, x21, [x0, #160]
    ldp     x22, x23, [x0, #176]
    ldp     x24, x25, [x0, #192]
    ldp     x26, x27, [x0, #208]
    ldp     x28, x29, [x0, #224]
    ldr     x30, [x0, #240]
    ldp     x0, x1, [x0]
    eret

/* x0 and x1 of the context are on the stack, x1 = offset of the vector. */
leave:
    ldr     x0, =current
    ldr     x0, [x0]
    str     x1, [x0, #36 * 8]
    ldp     x1, x2, [sp], #16
    stp     x1, x2, [x0]
    /* x2 was saved by the vector in turn. */
    ldr     x2, [sp], #16
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    str     x30, [x0, #240]
    mrs     x1, sp_el0
    str     x1, [x0, #31 * 8]
    mrs     x1, elr_el1
    str     x1, [x0, #32 * 8]
    mrs     x1, spsr_el1
    str     x1, [x0, #33 * 8]
    mrs     x1, esr_el1
    str     x1, [x0, #34 * 8]
    mrs     x1, far_el1
    str     x1, [x0, #35 * 8]
    ldr     x1, =resume
    ldr     x1, [x1]
    mov     sp, x1
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret

    .macro  vector offset
    .balign 128
    str     x2, [sp, #-16]!
    stp     x0, x1, [sp, #-16]!
    mov     x1, #\offset
    b       leave
    .endm

    .balign 2048
vectors:
    vector  0x000
    vector  0x080
    vector  0x100
    vector  0x180
    vector  0x200
    vector  0x280
    vector  0x300
    vector  0x380
    vector  0x400
    vector  0x480
    vector  0x500
    vector  0x580
    vector  0x600
    vector  0x680
    vector  0x700
    vector  0x780

    .bss
    .balign 16
current: .quad 0
resume: .quad 0
    .balign 16
    .skip   16384
stack_top:
