/* What C cannot say of all of Z, P and FFR at once. Sizes are the vector length's: a P register has an eighth of a Z register. */

    .arch armv8.2-a+sve
    .text

    .macro  save_callee_registers
    stp     d8, d9, [sp, #-64]!
    stp     d10, d11, [sp, #16]
    stp     d12, d13, [sp, #32]
    stp     d14, d15, [sp, #48]
    .endm

    .macro  restore_callee_registers
    ldp     d10, d11, [sp, #16]
    ldp     d12, d13, [sp, #32]
    ldp     d14, d15, [sp, #48]
    ldp     d8, d9, [sp], #64
    .endm

/* x0: Z0 to Z31. x1: P0 to P15, then FFR. */
    .macro  load_all
    ldr     p0, [x1, #16, mul vl]
    wrffr   p0.b
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ldr     p\n, [x1, #\n, mul vl]
    .endr
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ldr     z\n, [x0, #\n, mul vl]
    .endr
    .endm

/* As load_all, from x2 and x3. */
    .macro  store_all
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    str     z\n, [x2, #\n, mul vl]
    .endr
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    str     p\n, [x3, #\n, mul vl]
    .endr
    rdffr   p0.b
    str     p0, [x3, #16, mul vl]
    .endm

/* void compute(const void *z, const void *p, void *z_out, void *p_out, uint64_t rounds): in each round Z0 to Z7 grow by Z10 to Z17, and
   P0 changes where P1 is true. P15 is expected to be all true. */
    .global compute
    .type   compute, %function
compute:
    save_callee_registers
    load_all
1:
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    add     z\n\().d, z\n\().d, z1\n\().d
    .endr
    eor     p0.b, p15/z, p0.b, p1.b
    rdffr   p2.b
    subs    x4, x4, #1
    b.ne    1b
    store_all
    restore_callee_registers
    ret

/* void stop_with(const void *z, const void *p, void *z_out, void *p_out): a breakpoint with known registers, and what they are after it. */
    .global stop_with
    .type   stop_with, %function
stop_with:
    save_callee_registers
    load_all
    brk     #0
    store_all
    restore_callee_registers
    ret

/* void spoil(void): every register something else. */
    .global spoil
    .type   spoil, %function
spoil:
    save_callee_registers
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    dup     z\n\().b, #(0x40 + \n)
    .endr
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ptrue   p\n\().h
    .endr
    pfalse  p0.b
    wrffr   p0.b
    restore_callee_registers
    ret

    .section .note.GNU-stack, "", %progbits
