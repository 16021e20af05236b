using System.Text;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>Reads a machine's console as a viewer does and waits for text in it.</summary>
internal sealed class MachineConsole(GuestMachine machine)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly StringBuilder _text = new();
    private long _position;
    private int _generation = machine.Console.Generation;

    /// <summary>Everything seen so far; a restore starts it anew.</summary>
    public string Text => _text.ToString();

    /// <summary>Types a line.</summary>
    public void Type(string line) => machine.TypeConsole(Encoding.ASCII.GetBytes(line + "\r"));

    /// <summary>Waits until <paramref name="wanted"/> appears after what an earlier wait found.</summary>
    public async Task<string> WaitForAsync(string wanted)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Patience);
        var buffer = new byte[4096];
        while (true)
        {
            var at = Text.IndexOf(wanted, _searchFrom, StringComparison.Ordinal);
            if (at >= 0)
            {
                var found = Text[_searchFrom..(at + wanted.Length)];
                _searchFrom = at + wanted.Length;
                return found;
            }

            var count = machine.Console.Read(ref _position, ref _generation, buffer, out var rewound);
            if (rewound)
            {
                _text.Clear();
                _searchFrom = 0;
            }

            _text.Append(Encoding.ASCII.GetString(buffer, 0, count));
            if (count > 0)
                continue;
            try
            {
                await machine.Console.WaitAsync(_position, _generation, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"'{wanted}' did not appear within {Patience}. The console says:\n{Text}");
            }
        }
    }

    private int _searchFrom;
}
