"""What to do about code that stayed slow, in plain words, by the names of abort reasons and guard kinds.

The core's own sentences (`backedge.explain`) say what happened; these say what it means for who wrote the program.
"""

REASONS = {
    "NONE": "It was not tried before the program ended.",
    "TOO_BIG": "The loop is too long to compile as one piece. Move a part of it into a loop of its own.",
    "BUDGET": "Building the loop takes too long. Move a part of it into a function or a loop of its own.",
    "TOO_MANY_VERSIONS": "Types keep changing here. Keep each variable to one type, not int and float or None.",
    "GENERATOR": "Generators and coroutines stay interpreted. Put the hot loop into a plain function, or fill a list.",
    "VERIFY": "The compiler's own check failed. This is a fault of backedge: please report it.",
    "BACKEND": "LLVM failed or is missing. `backedge.explain` has its message.",
    "MEMORY": "There was no memory left to compile it.",
    "INVALIDATED": "Something it relies on (a global, a class, a function) changed while it was compiled.",
    "LEAVES_EARLY": "Native code left again at once, each time. See the exits for where; often a type that changes.",
    "OVER_GENERATOR": "It spends its time in the generator, which CPython resumes faster than native code could.",
    "NO_GAIN": "It spends its time in calls that native code makes no faster: it was measured, and is interpreted.",
    "CODE_MEMORY": "The memory for compiled code is used up (setting `code_memory`).",
    "CALLS": "It spends its time in calls of Python functions that cannot be compiled with it. Compile those first.",
    "NOT_CHOSEN": "BACKEDGE_ONLY left it out.",
    "TOOL": "A debugger, profiler, tracer or coverage tool watched this code. Without it, it is compiled.",
    "EXPRESSION": "Code of modules and classes, or with locals() or exec, is not compiled. Put it into a function.",
}

EXITS = {
    "type": "A value has another type than before. Keep each variable to one type.",
    "overflow": "An int outgrew 64 bits. Such ints are the interpreter's.",
    "zero-div": "A division by zero.",
    "bounds": "An index is out of range, or negative where it was not before.",
    "range": "A number is too large or small for the fast path.",
    "domain": "A math function got a value that it is not defined for.",
    "fp-warning": "A result is inf or nan, of which NumPy may have to warn.",
    "array": "An array has another dtype, layout or number of dimensions. Use arrays of one kind here.",
    "layout": "An instance has its attributes in another order, or more of them. Set all of them in __init__.",
    "unbound": "A variable or attribute is not set.",
    "value": "A global or callee is not the one that was compiled in. Do not rebind what a hot loop uses.",
    "branch": "A branch that was never taken while recording.",
    "size": "A container has another length than before, or changes it.",
    "last-ref": "An object dies here.",
    "destructor": "An object with a destructor dies here.",
    "memory": "Memory ran out.",
    "poll": "The interpreter asked for attention: a signal, another thread, the collector.",
    "invalid": "A call changed something that the code relies on.",
    "exception": "An exception was raised.",
    "loop-end": "The loop is finished.",
    "return": "The function returns.",
    "nyi": "This instruction is left to the interpreter. Doing it outside the loop keeps the loop native.",
    "locals": "A call changed this function's local variables.",
    "recursion": "The recursion limit is near.",
    "callee": "A function that was called natively was left in its middle.",
}
