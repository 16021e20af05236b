using CloudVm.Api.Hosting;

var command = args.FirstOrDefault(argument => !argument.StartsWith('-'));
if (command is not null && !Commands.IsKnown(command))
{
    await Console.Error.WriteLineAsync($"There is no command '{command}'. {Commands.Usage}");
    return 2;
}

var builder = WebApplication.CreateBuilder(command is null ? args : []);

// Standard output belongs to the results of commands.
builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Critical);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
builder.Logging.AddFilter("System.Net.Http.HttpClient", LogLevel.Warning);
builder.AddApi();
await using var app = builder.Build();
if (command is not null)
    return await Commands.RunAsync(app.Services, command, [.. args.SkipWhile(a => a != command).Skip(1)]);

app.UseApi();
await app.RunAsync();
return 0;
