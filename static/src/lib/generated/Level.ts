export type Level = 'LOW' | 'MEDIUM' | 'HIGH';
