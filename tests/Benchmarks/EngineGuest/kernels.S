/* Timed loops: x0 = iterations. The number of instructions in one iteration is in main.c. Caller-saved registers only. */

    .text
    .macro  kernel name
    .balign 64
    .global \name
\name:
    .endm

/* Integer arithmetic with a load and a store over 64 KiB. */
    kernel  k_integer_memory
    ldr     x1, =buffer
    mov     x2, #0
    mov     x3, #1
    mov     x4, #0x9e37
1:  ldr     x5, [x1, x2]
    add     x3, x3, x5
    eor     x3, x3, x4, lsl #3
    str     x3, [x1, x2]
    add     x2, x2, #8
    and     x2, x2, #0xffff
    subs    x0, x0, #1
    b.ne    1b
    ret

/* Arithmetic on registers. */
    kernel  k_integer
    mov     x1, #1
    mov     x2, #2
    mov     x3, #3
1:  add     x1, x1, x2
    eor     x2, x2, x1
    sub     x3, x1, x2
    orr     x4, x3, #0xff
    lsl     x5, x4, #7
    add     x1, x5, x3
    subs    x0, x0, #1
    b.ne    1b
    ret

/* A call and a return in every iteration. */
    kernel  k_call
    mov     x9, x30
    mov     x1, #1
    mov     x2, #2
1:  bl      2f
    add     x1, x1, x2
    eor     x2, x2, x1
    subs    x0, x0, #1
    b.ne    1b
    mov     x30, x9
    ret
    .balign 64
2:  add     x1, x1, #1
    sub     x2, x2, x1
    ret

/* Calls with a stack frame, as compilers make them; the callee is in another page. */
    kernel  k_frame
    stp     x29, x30, [sp, #-16]!
1:  bl      far_function
    subs    x0, x0, #1
    b.ne    1b
    ldp     x29, x30, [sp], #16
    ret

/* Branches that depend on data. */
    kernel  k_branch
    mov     x1, #12345
    ldr     x2, =6364136223846793005
    mov     x3, #0
1:  madd    x1, x1, x2, x2
    tbz     x1, #60, 2f
    add     x3, x3, #1
2:  cmp     x1, #0
    b.lt    3f
    add     x3, x3, #3
3:  lsr     x4, x1, #59
    cbz     w4, 4f
    csel    x3, x3, x4, hi
4:  subs    x0, x0, #1
    b.ne    1b
    ret

/* Copies 64 bytes in an iteration, within 16 KiB. */
    kernel  k_copy
    ldr     x1, =buffer
    add     x2, x1, #0x8000
    mov     x3, #0
1:  add     x4, x1, x3
    add     x5, x2, x3
    ldp     q0, q1, [x4]
    ldp     q2, q3, [x4, #32]
    stp     q0, q1, [x5]
    stp     q2, q3, [x5, #32]
    add     x3, x3, #64
    and     x3, x3, #0x3fff
    subs    x0, x0, #1
    b.ne    1b
    ret

/* Bytes: length of strings. */
    kernel  k_bytes
    ldr     x1, =text
1:  mov     x2, x1
2:  ldrb    w3, [x2], #1
    cbnz    w3, 2b
    sub     x2, x2, x1
    subs    x0, x0, #1
    b.ne    1b
    ret

/* Scalar floating point, inexact as real numbers are. */
    kernel  k_float
    fmov    d0, #1.0
    fmov    d1, #3.0
    fmov    d2, #0.5
    fdiv    d1, d0, d1
1:  fmul    d4, d0, d2
    fadd    d5, d4, d1
    fmadd   d0, d5, d2, d4
    fsub    d0, d0, d4
    subs    x0, x0, #1
    b.ne    1b
    ret

    kernel  k_vector
    movi    v0.4s, #1
    movi    v1.4s, #2
    movi    v2.4s, #3
1:  add     v0.4s, v0.4s, v1.4s
    eor     v1.16b, v1.16b, v2.16b
    mul     v2.4s, v2.4s, v0.4s
    sub     v3.4s, v2.4s, v0.4s
    subs    x0, x0, #1
    b.ne    1b
    ret

/* Exception entry and return: 10 instructions in the handler. */
    kernel  k_exception
1:  svc     #0
    subs    x0, x0, #1
    b.ne    1b
    ret

    kernel  k_counter
1:  mrs     x1, cntvct_el0
    mrs     x2, cntv_ctl_el0
    subs    x0, x0, #1
    b.ne    1b
    ret

/* Critical sections: exclusives, DAIF, barriers. */
    kernel  k_lock
    ldr     x1, =buffer
1:  mrs     x4, daif
    msr     daifset, #2
2:  ldaxr   w2, [x1]
    add     w2, w2, #1
    stxr    w3, w2, [x1]
    cbnz    w3, 2b
    stlr    w2, [x1, #0]
    msr     daif, x4
    subs    x0, x0, #1
    b.ne    1b
    ret

/* One load in each of 2,048 pages: more than any TLB of a small core holds. */
    kernel  k_pages
    ldr     x1, =pages
    mov     x2, #0
    mov     x4, #0x7fffff
1:  ldr     x3, [x1, x2]
    add     x2, x2, #4096
    and     x2, x2, x4
    subs    x0, x0, #1
    b.ne    1b
    ret
    .pool

    .balign 4096
    .skip   256
far_function:
    stp     x29, x30, [sp, #-48]!
    mov     x29, sp
    stp     x19, x20, [sp, #16]
    str     x21, [sp, #32]
    mov     x19, x0
    add     x20, x19, #1
    ldr     x21, [sp, #32]
    mov     x0, x19
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #48
    ret

    .section .rodata
text:
    .asciz "the quick brown fox jumps over the lazy dog, twice"

    .section .noinit, "aw", %nobits
    .balign 4096
    .global buffer
buffer:
    .skip 65536 + 4096
pages:
    .skip 8 * 1024 * 1024
