using CloudVm.Storage;
using Npgsql;
using Quartz;

namespace CloudVm.Worker.Schedules;

/// <summary>Registers the scheduler: clustered, its tables in schema <c>quartz</c> of the same database.</summary>
internal static class ScheduleServices
{
    private const string Schema = "quartz";

    private static readonly TimeSpan MisfireThreshold = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan CheckinInterval = TimeSpan.FromSeconds(10);

    public static IServiceCollection AddSchedules(this IServiceCollection services, WorkerOptions options)
    {
        NpgsqlConnectionStringBuilder address = DatabaseAddress.Builder(options.Database);
        address.SearchPath = Schema;
        address.ApplicationName = "cloudvm-scheduler";
        services.AddQuartz(quartz =>
        {
            quartz.UsePersistentStore(store =>
            {
                store.UsePostgres(address.ConnectionString);
                store.UseSystemTextJsonSerializer();
                store.UseClustering(cluster => cluster.CheckinInterval = CheckinInterval);
                store.ProvisionSchema();
                store.ConfigureStore(settings => settings.MisfireThreshold = MisfireThreshold);
            });
        });
        services.AddSingleton<FireSchedule>();
        services.AddSingleton<PruneSnapshots>();
        services.AddSingleton<ScheduleTriggers>();
        services.AddHostedService<ScheduleService>();
        return services;
    }
}
